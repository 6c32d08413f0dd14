package chipsim

// A Board is a product: how many chains of which chips it has.
type Board struct {
	Name    string
	About   string
	Model   string
	Chains  int
	Chips   int // on each chain
	Domains int // on each chain
}

// Boards lists the boards whose chains there are models of.
func Boards() []Board {
	return []Board{
		{"bitaxe-max", "Bitaxe Max", "BM1397", 1, 1, 1},
		{"bitaxe-ultra", "Bitaxe Ultra", "BM1366", 1, 1, 1},
		{"bitaxe-hex", "Bitaxe Hex", "BM1366", 1, 6, 3},
		{"bitaxe-supra", "Bitaxe Supra", "BM1368", 1, 1, 1},
		{"bitaxe-gamma", "Bitaxe Gamma", "BM1370", 1, 1, 1},
		{"bitaxe-gamma-duo", "Bitaxe Gamma Duo", "BM1370", 1, 2, 1},
		{"emberone", "emberOne/00", "BM1362", 1, 12, 12},
		{"s9", "Antminer S9", "BM1387", 3, 63, 21},
		{"s19bbb", "Antminer S19j Pro, BeagleBone carrier", "BM1362", 3, 126, 42},
		{"s19kpro", "Antminer S19k Pro, Amlogic carrier", "BM1366", 3, 77, 11},
		{"s21", "Antminer S21", "BM1368", 3, 108, 12},
		{"s21pro", "Antminer S21 Pro", "BM1370", 3, 65, 13},
	}
}
