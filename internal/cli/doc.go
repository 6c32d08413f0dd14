// Package cli is what lode's commands have in common: exit codes, flags that
// teach, a configuration file that the environment overlays, plain log lines with
// a progress line below them, clean stops, and the status socket.
//
// A command is a function func(ctx, cli.IO, args) error, so that tests run it
// without a process; its main is one line:
//
//	func main() { os.Exit(cli.Main("lode-miner", run)) }
package cli
