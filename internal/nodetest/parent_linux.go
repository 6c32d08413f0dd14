package nodetest

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the node even if the test process is killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
