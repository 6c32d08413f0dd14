package extension

import "github.com/lodefw/lode/sv2"

// Message numbers of extension 0x0001.
const (
	TypeRequestExtensions        sv2.Type = 0x000100
	TypeRequestExtensionsSuccess sv2.Type = 0x000101
	TypeRequestExtensionsError   sv2.Type = 0x000102
)

// New returns an empty message for a type, nil if this subprotocol has none. The
// channel bit is not looked at.
func New(t sv2.Type) sv2.Message {
	switch t.Plain() {
	case TypeRequestExtensions.Plain():
		return new(RequestExtensions)
	case TypeRequestExtensionsSuccess.Plain():
		return new(RequestExtensionsSuccess)
	case TypeRequestExtensionsError.Plain():
		return new(RequestExtensionsError)
	}
	return nil
}

// RequestExtensions asks which extensions the server speaks (extension 0x0001).
type RequestExtensions struct {
	RequestID           uint16
	RequestedExtensions []uint16
}

func (*RequestExtensions) Type() sv2.Type { return TypeRequestExtensions }

func (m *RequestExtensions) Wire(c *sv2.Codec) {
	c.U16(&m.RequestID)
	c.SeqU16(&m.RequestedExtensions)
}

// RequestExtensionsSuccess lists those that both speak (extension 0x0001).
type RequestExtensionsSuccess struct {
	RequestID           uint16
	SupportedExtensions []uint16
}

func (*RequestExtensionsSuccess) Type() sv2.Type { return TypeRequestExtensionsSuccess }

func (m *RequestExtensionsSuccess) Wire(c *sv2.Codec) {
	c.U16(&m.RequestID)
	c.SeqU16(&m.SupportedExtensions)
}

// RequestExtensionsError lists those that the server lacks and those that it
// insists on (extension 0x0001).
type RequestExtensionsError struct {
	RequestID             uint16
	UnsupportedExtensions []uint16
	RequiredExtensions    []uint16
}

func (*RequestExtensionsError) Type() sv2.Type { return TypeRequestExtensionsError }

func (m *RequestExtensionsError) Wire(c *sv2.Codec) {
	c.U16(&m.RequestID)
	c.SeqU16(&m.UnsupportedExtensions)
	c.SeqU16(&m.RequiredExtensions)
}
