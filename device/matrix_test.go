package device

import (
	"testing"
)

// matrixLeast is how many different faults there must be at least.
const matrixLeast = 40

// matrixRow is a fault on one of the test's boards: a virtual Bitaxe, a plant of
// fakes with two chains, or one with a chain of virtual chips.
type matrixRow struct {
	name string
	test func(*testing.T)
}

func matrix() (rows []matrixRow) {
	for _, f := range faults() {
		rows = append(rows, matrixRow{f.name, f.test})
	}
	for _, f := range startFaults() {
		rows = append(rows, matrixRow{"at the start " + f.name, f.testStart})
	}
	for _, f := range plantFaults() {
		rows = append(rows, matrixRow{"one chain's " + f.name, f.test})
	}
	for _, f := range chipFaults() {
		rows = append(rows, matrixRow{f.name, f.test})
	}
	for _, f := range startChipFaults() {
		rows = append(rows, matrixRow{"at the start " + f.name, f.testStart})
	}
	return append(rows,
		matrixRow{"guard stuck", testGuardStuck},
		matrixRow{"a part hangs", testHangingPart},
		matrixRow{"supply cannot be turned off", testCannotBeTurnedOff},
		matrixRow{"supply can be turned off at last", testTurnedOffAtLast},
		matrixRow{"chain does not stop", testChainDoesNotStop},
		matrixRow{"supply does not follow", testWalkFails},
		matrixRow{"sensor behind the chips lost", testLiveSensor},
		matrixRow{"watchdog not fed", testWatchdogBites},
	)
}

// Each of many faults ends safe and is named in the event log.
func TestFaultMatrix(t *testing.T) {
	names := make(map[string]bool)
	for _, row := range matrix() {
		if names[row.name] {
			t.Errorf("two faults are called %q", row.name)
		}
		names[row.name] = true
		synctested(t, row.name, row.test)
	}
	if len(names) < matrixLeast {
		t.Errorf("%d faults, want at least %d", len(names), matrixLeast)
	}
}
