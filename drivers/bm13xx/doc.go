// Package bm13xx drives chains of Bitmain's BM13xx hashing chips over a UART:
// BM1387, BM1397, BM1362, BM1366, BM1368, BM1370, BM1372 and BM1373.
//
// The chips of a chain hang on one pair of wires. Commands pass from chip to
// chip, answers come back the same way:
//
//	host  -- 55 AA header length payload CRC -->  chip 0 -> chip 1 -> ... chip n-1
//	host  <-- AA 55 payload trailer ------------  chip 0 <- chip 1 <- ...
//
// New resets the chain, counts it, gives the chips their addresses and sets them up
// at a low clock. The Chain that it returns is a hashing.Hasher, whose Run walks the
// clock to its goal while the chips mine. REFERENCE.md has what is known of the
// chips, and from where.
//
// One file for each concern: frame.go and job.go make what is sent, response.go
// and reader.go take in what comes back, registers.go and pll.go are the values of
// registers, model.go says how the chips differ, bringup.go runs the steps that
// the model lists, chain.go and run.go mine, frequency.go walks the clock, health.go
// says which chips have died.
package bm13xx
