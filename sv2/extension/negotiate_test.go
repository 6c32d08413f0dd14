package extension_test

import (
	"reflect"
	"testing"

	"github.com/lodefw/lode/sv2/extension"
)

func TestOfferAnswer(t *testing.T) {
	type list = []uint16
	for _, test := range []struct {
		name                 string
		supported, required  list
		asked                list
		ok                   bool
		granted              list
		unsupported, missing list
	}{
		{"all", list{2, 3}, nil, list{3, 2}, true, list{3, 2}, nil, nil},
		{"subset", list{2}, nil, list{2, 3}, true, list{2}, nil, nil},
		{"none supported", list{4}, nil, list{2, 3}, false, nil, list{2, 3}, nil},
		{"server without any", nil, nil, list{2}, false, nil, list{2}, nil},
		{"required is missing", list{2}, list{5}, list{2, 3}, false, nil, list{3}, list{5}},
		{"required is asked for", list{2}, list{5}, list{5, 3}, true, list{5}, nil, nil},
		{"empty request", list{2}, nil, nil, true, nil, nil, nil},
		{"empty request, one required", nil, list{5}, nil, false, nil, nil, list{5}},
		{"repeated", list{2}, list{5, 5}, list{2, 2, 9, 9}, false, nil, list{9}, list{5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			offer := extension.Offer{Supported: test.supported, Required: test.required}
			got, ok := offer.Answer(&extension.RequestExtensions{RequestID: 77, RequestedExtensions: test.asked})
			var want any = &extension.RequestExtensionsError{RequestID: 77, UnsupportedExtensions: test.unsupported, RequiredExtensions: test.missing}
			if test.ok {
				want = &extension.RequestExtensionsSuccess{RequestID: 77, SupportedExtensions: test.granted}
			}
			if ok != test.ok || !reflect.DeepEqual(any(got), want) {
				t.Errorf("Answer = %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}
