package extension

import (
	"slices"

	"github.com/lodefw/lode/sv2"
)

// Extensions that the spec allocates (9).
const (
	Negotiation uint16 = 0x0001
	WorkerNames uint16 = 0x0002
)

// An Offer is what a server says about extensions.
type Offer struct {
	Supported []uint16
	Required  []uint16 // without these the server does not work; they are supported too
}

// Answer is the server's answer to m: RequestExtensionsSuccess with those of the
// requested extensions that it supports, and true; or RequestExtensionsError and
// false, if it supports none of them or the request lacks a required one. The client
// may then ask once more, and go on without extensions if none is required.
func (o Offer) Answer(m *RequestExtensions) (answer sv2.Message, ok bool) {
	var supported, unsupported []uint16
	for _, e := range distinct(m.RequestedExtensions) {
		if o.has(e) {
			supported = append(supported, e)
		} else {
			unsupported = append(unsupported, e)
		}
	}
	var missing []uint16
	for _, e := range distinct(o.Required) {
		if !slices.Contains(supported, e) {
			missing = append(missing, e)
		}
	}
	if len(missing) > 0 || len(supported) == 0 && len(unsupported) > 0 {
		return &RequestExtensionsError{
			RequestID:             m.RequestID,
			UnsupportedExtensions: unsupported,
			RequiredExtensions:    missing,
		}, false
	}
	return &RequestExtensionsSuccess{RequestID: m.RequestID, SupportedExtensions: supported}, true
}

func (o Offer) has(extension uint16) bool {
	return slices.Contains(o.Supported, extension) || slices.Contains(o.Required, extension)
}

// distinct returns the elements of list once each, in the order of their first place.
func distinct(list []uint16) []uint16 {
	seen := make(map[uint16]bool)
	out := make([]uint16, 0, min(len(list), 8))
	for _, e := range list {
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}
