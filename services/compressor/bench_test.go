package compressor_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/compressor"
)

// toolResult is pretty-printed JSON of about n bytes.
func toolResult(n int) string {
	type row struct {
		ID    int      `json:"id"`
		Name  string   `json:"name"`
		Price float64  `json:"price"`
		Tags  []string `json:"tags"`
	}
	var rows []row
	for i := range n/150 + 1 {
		rows = append(rows, row{i, fmt.Sprintf("Article number %d", i), float64(i) * 1.25, []string{"new", "blue", "on sale"}})
	}
	raw, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// conversation is an agent's: a question, a call, and its result.
func conversation(result string) []byte {
	raw, err := json.Marshal(map[string]any{"model": "gpt-4o", "messages": []any{
		map[string]any{"role": "system", "content": "You are a shop's assistant.\n\n{ \"tone\" :  \"kind\" }"},
		map[string]any{"role": "user", "content": "Which article is the cheapest?"},
		map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]any{"name": "list", "arguments": "{ \"shop\" : 1 }"}}}},
		map[string]any{"role": "tool", "tool_call_id": "call_1", "content": result},
	}})
	if err != nil {
		panic(err)
	}
	return raw
}

// Through the transport of one process, as the edge asks.
func BenchmarkCompress(b *testing.B) {
	server := rpc.NewServer()
	service, err := compressor.New(compressor.Options{Counter: &counter, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	compressorv1connect.RegisterCompressorServiceHandler(server, compressor.NewHandler(service))
	client := compressorv1connect.NewCompressorServiceClient(rpc.InProcess(server))
	for _, size := range []int{4 << 10, 64 << 10, 512 << 10} {
		for name, body := range map[string][]byte{
			"json": conversation(toolResult(size)), "prose": conversation(strings.Repeat("It was a bright cold day in April. ", size/35)),
		} {
			for _, model := range []struct{ provider, name string }{{"openai", "gpt-4o"}, {"anthropic", "claude-sonnet-4-5"}} {
				b.Run(fmt.Sprintf("%s/%dKiB/%s", name, size>>10, model.name), func(b *testing.B) {
					req := &compressorv1.CompressRequest{Body: body, Provider: model.provider, Model: model.name}
					resp, err := client.Compress(b.Context(), req)
					if err != nil || (name == "json") != (len(resp.GetBody()) > 0) {
						b.Fatalf("%v, %v", resp, err)
					}
					b.SetBytes(int64(len(body)))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := client.Compress(b.Context(), req); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(resp.GetOriginalTokens())*1000, "ns/ktoken")
				})
			}
		}
	}
}
