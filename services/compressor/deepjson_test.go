package compressor_test

import (
	"strconv"
	"strings"
	"testing"

	"tollgate.dev/services/compressor"
)

// JSON that nests deeper than it is written in another form stays, byte for byte, whatever stage reads it.
func TestDeepJSONStays(t *testing.T) {
	s := newService(t, compressor.Options{})
	rows := `[{"note": "The mill is old. It is well."}, ` + strings.Repeat(`{"note": "The weir is of stone. Go there."}, `, 200) + `{}]`
	for _, depth := range []int{513, 600, 5000, 9000} {
		data := strings.Repeat(`{"a": `, depth) + rows + strings.Repeat("}", depth)
		body := `{"messages":[{"role":"user","content":"How old is the mill?"},{"role":"tool","tool_call_id":"1","content":` + strconv.Quote(data) + `}]}`
		if res := compress(t, s, compressor.Request{Body: []byte(body), Profile: "rag"}); res.Body != nil || res.Failed || res.Late {
			t.Errorf("%d deep, %v changed it: %.200s", depth, res.Stages, res.Body)
		}
	}
}
