package bitcoin

// hashPair is a merkle node.
func hashPair(left, right *Hash) Hash {
	var b [64]byte
	copy(b[:32], left[:])
	copy(b[32:], right[:])
	return DoubleHash(b[:])
}

// FoldMerkle is the merkle root of a block whose first transaction is leaf: path
// is what stands beside it on each level, deepest first. Without a path the leaf
// is the root. It does not allocate.
func FoldMerkle(leaf Hash, path []Hash) Hash {
	for i := range path {
		leaf = hashPair(&leaf, &path[i])
	}
	return leaf
}

// MerklePath is the path of the coinbase, deepest first, from the ids of all
// other transactions of the block in order.
func MerklePath(txids []Hash) []Hash {
	var path []Hash
	level := append([]Hash(nil), txids...) // what stands right of the coinbase
	for len(level) > 0 {
		path = append(path, level[0])
		level = foldLevel(level[1:])
	}
	return path
}

// MerkleRoot is the root over all leaves, the coinbase's first. Without leaves it
// is zero.
func MerkleRoot(leaves []Hash) Hash {
	if len(leaves) == 0 {
		return Hash{}
	}
	return FoldMerkle(leaves[0], MerklePath(leaves[1:]))
}

// foldLevel pairs the nodes in place; an odd last one is paired with itself.
func foldLevel(level []Hash) []Hash {
	n := 0
	for i := 0; i < len(level); i += 2 {
		level[n] = hashPair(&level[i], &level[min(i+1, len(level)-1)])
		n++
	}
	return level[:n]
}
