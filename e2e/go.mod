module tollgate.dev/e2e

go 1.26.0

require (
	connectrpc.com/connect/v2 v2.0.2
	github.com/openai/openai-go/v3 v3.96.0
	tollgate.dev/gen v0.0.0
	tollgate.dev/platform v0.0.0
	tollgate.dev/services v0.0.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/pierrec/lz4/v4 v4.1.15 // indirect
	github.com/segmentio/kafka-go v0.4.51 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace tollgate.dev/gen => ../gen

replace tollgate.dev/platform => ../platform

replace tollgate.dev/services => ../services
