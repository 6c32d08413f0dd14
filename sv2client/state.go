package sv2client

// A State is where one connection stands; the package comment draws it.
type State uint8

// States, in the order of a connection's life.
const (
	Idle        State = iota // no connection
	Connecting               // TCP and noise handshake
	SettingUp                // SetupConnection sent
	Opening                  // OpenStandardMiningChannel sent, or about to be sent again
	AwaitingJob              // channel open, nothing to hash yet
	Mining                   // there is a job
	Draining                 // another pool took over; answers to shares may still come
	Closed                   // over
)

var stateNames = [...]string{"idle", "connecting", "setting up", "opening", "awaiting job", "mining", "draining", "closed"}

// String is the state's name for people.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText is the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name. An unknown one means Closed.
func (s *State) UnmarshalText(text []byte) error {
	for *s = Idle; *s < Closed && s.String() != string(text); *s++ {
	}
	return nil
}
