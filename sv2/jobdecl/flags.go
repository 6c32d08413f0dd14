package jobdecl

// FlagDeclareTxData is the flag of SetupConnection for this subprotocol: the
// client will reveal the transactions of its jobs (full-template mode, 6.4.1).
const FlagDeclareTxData uint32 = 1 << 0
