// Package answer says a finished answer of chat completions in its other form: a stream's
// chunks as one whole answer, and a whole answer as a stream's chunks. So an answer that is
// kept once serves both.
//
// The wire format is OpenAI's, "Chat Completions: the chat completion object" and "the chat
// completion chunk object" (platform.openai.com/docs/api-reference/chat, November 2026), with
// what LiteLLM's clients read beside it (reasoning_content, thinking_blocks). What is not
// known is carried over as it is. Where chunks say two different things of a member that no
// rule joins, there is no whole answer, and an error says so: nothing is made up.
package answer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"tollgate.dev/platform/jsonscan"
)

// ErrForm is returned for what cannot be said in the other form: chunks that are not those of
// a finished answer, or hold what no rule joins. Its text quotes nothing of the answer.
var ErrForm = errors.New("the answer cannot be said in another form")

func form(what string) error { return fmt.Errorf("%w: %s", ErrForm, what) }

// field is a member of an object: its name, and its value as JSON.
type field struct {
	name  string
	value []byte
}

// object is members in their order.
type object []field

func (o object) get(name string) []byte {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

func (o *object) set(name string, value []byte) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, field{name, value})
}

func (o object) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendQuoted(dst, o[i].name)
		dst = append(dst, ':')
		dst = append(dst, o[i].value...)
	}
	return append(dst, '}')
}

// parse reads an object. A name that comes twice is read in two ways by two readers.
func parse(doc []byte) (o object, err error) {
	err = jsonscan.ScanObject(doc, func(m jsonscan.Member) error {
		if o.get(string(m.Key)) != nil {
			return form("a member comes twice")
		}
		o = append(o, field{string(m.Key), m.Raw(doc)})
		return nil
	})
	return o, wrap(err)
}

// wrap makes an error of the scanner's one of this package's.
func wrap(err error) error {
	if err == nil || errors.Is(err, ErrForm) {
		return err
	}
	return form("it is not the JSON of an answer")
}

// elements calls do for each element of a list; null and nothing are an empty one.
func elements(list []byte, do func(element []byte) error) error {
	if isNull(list) {
		return nil
	}
	return wrap(jsonscan.ScanArray(list, func(_ int, v jsonscan.Value) error { return do(list[v.Start:v.End:v.End]) }))
}

func isNull(value []byte) bool { return len(value) == 0 || string(value) == "null" }

func isText(value []byte) bool { return len(value) >= 2 && value[0] == '"' }

// index reads what orders choices and tool calls.
func index(o object) (int64, error) {
	n, ok := jsonscan.Int64(o.get("index"))
	if !ok || n < 0 || n >= maxIndex {
		return 0, form("an index is none")
	}
	return n, nil
}

// maxIndex bounds choices, and the tool calls of one: OpenAI allows 128 of each.
const maxIndex = 1024

// slot returns the element of an index, which is appended when it is new.
func slot[T any](list *[]T, at func(*T) int64, n int64, fresh func() T) *T {
	i := slices.IndexFunc(*list, func(e T) bool { return at(&e) == n })
	if i < 0 {
		i = len(*list)
		*list = append(*list, fresh())
	}
	return &(*list)[i]
}

// same reports whether two values are the same but for white space.
func same(a, b []byte) bool {
	return bytes.Equal(a, b) || bytes.Equal(jsonscan.AppendCanonical(nil, a), jsonscan.AppendCanonical(nil, b))
}

var (
	null       = []byte("null")
	chunkName  = []byte(`"chat.completion.chunk"`)
	wholeName  = []byte(`"chat.completion"`)
	assistant  = []byte(`"assistant"`)
	emptyDelta = []byte("{}")
)
