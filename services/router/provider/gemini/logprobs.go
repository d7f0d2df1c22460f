package gemini

import (
	"encoding/json"
	"strconv"

	"tollgate.dev/platform/jsonscan"
)

// logprobsResult is LogprobsResult.
type logprobsResult struct {
	Chosen []tokenLogprob `json:"chosenCandidates"`
	Top    []struct {
		Candidates []tokenLogprob `json:"candidates"`
	} `json:"topCandidates"`
}

type tokenLogprob struct {
	Token   string          `json:"token"`
	Logprob json.RawMessage `json:"logProbability"`
}

// appendLogprobs writes a LogprobsResult as OpenAI's logprobs object.
func appendLogprobs(b []byte, raw json.RawMessage) []byte {
	var r logprobsResult
	_ = json.Unmarshal(raw, &r) // what has other types than documented is left out
	b = append(b, `{"content":[`...)
	for i := range r.Chosen {
		b = append(r.Chosen[i].append(element(b)), `,"top_logprobs":[`...)
		if i < len(r.Top) {
			for k := range r.Top[i].Candidates {
				b = append(r.Top[i].Candidates[k].append(element(b)), '}')
			}
		}
		b = append(b, "]}"...)
	}
	return append(b, `],"refusal":null}`...)
}

// append writes a token, without the end of its object.
func (t *tokenLogprob) append(b []byte) []byte {
	b = jsonscan.AppendQuoted(append(b, `{"token":`...), t.Token)
	b = append(b, `,"logprob":`...)
	switch {
	case len(t.Logprob) == 0 || t.Logprob[0] == 'n':
		b = append(b, '0') // the JSON form of protos may leave zero out
	case t.Logprob[0] != '-' && (t.Logprob[0] < '0' || t.Logprob[0] > '9'):
		b = append(b, "-9999.0"...) // "-Infinity"; OpenAI's value for it
	default:
		b = append(b, t.Logprob...)
	}
	b = append(b, `,"bytes":[`...)
	for i := range len(t.Token) {
		b = strconv.AppendUint(element(b), uint64(t.Token[i]), 10)
	}
	return append(b, ']')
}
