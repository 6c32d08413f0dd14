//go:build race

package sv2net

const raceDetector = true
