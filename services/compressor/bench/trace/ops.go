package trace

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// operations is an agent that looks after a cluster: status again and again, logs, plans,
// and secrets' and certificates' bytes.
func operations() *Trace {
	w := begin("operations", 53, `You operate a Kubernetes cluster and the cloud account that it runs in, through tools that show and change their state. Look before you change. Changes are announced in one sentence, made one at a time, and verified. Never delete persistent volumes, never print the values of secrets in an answer, and stop and ask when two attempts did not help. Times are UTC.`,
		"kubectl: Run kubectl with arguments, and return what it prints; use -o json where you can. | args=arguments",
		"docker: Run docker on the build host with arguments. | args=arguments",
		"terraform: Run terraform in the environment's directory. | args=arguments",
		"loki: Search the logs. | query=LogQL, from=start, limit=number of lines")
	w.user("Checkout answers with 502 for some customers since about 09:40. Find out why and bring it back.")
	pods := w.pods(8)
	w.call("kubectl", map[string]any{"args": "get pods -n shop -o json"}, pods)
	w.call("loki", map[string]any{"query": `{app="checkout"} |= "error"`, "from": "09:30", "limit": "90"}, w.logs(90))
	w.call("kubectl", map[string]any{"args": "describe pod -n shop checkout-6f7d9c9b5-x2x4k"}, w.describe())
	w.call("kubectl", map[string]any{"args": "get configmap -n shop checkout-tls -o json"}, w.blobs())
	w.call("kubectl", map[string]any{"args": "get pods -n shop -o json"}, pods)
	w.call("docker", map[string]any{"args": "inspect registry.example.org/shop/checkout:4.18.2"}, w.inspect())
	w.say("Two of eight pods of checkout are not ready: their certificate of the payment provider has expired at 09:38, and they were started from the image 4.18.2, which has the old bundle. I roll them back to 4.18.1.")
	w.user("Go ahead.")
	w.call("kubectl", map[string]any{"args": "rollout undo deployment/checkout -n shop"}, "deployment.apps/checkout rolled back\n")
	w.call("kubectl", map[string]any{"args": "rollout status deployment/checkout -n shop"}, w.rollout())
	w.call("kubectl", map[string]any{"args": "get pods -n shop -o json"}, w.pods(8))
	w.call("loki", map[string]any{"query": `{app="checkout"} |= "error"`, "from": "10:15", "limit": "40"}, w.logs(40))
	w.say("All eight pods are ready since 10:21, and there has been no error since 10:23.")
	w.user("Thanks. Please look whether the plan for staging is clean, so that the new bundle can go out there, and show me the nodes.")
	w.call("terraform", map[string]any{"args": "plan -no-color"}, w.plan())
	w.call("kubectl", map[string]any{"args": "get nodes -o json"}, w.nodes(3))
	w.call("kubectl", map[string]any{"args": "get events -n shop --sort-by=.lastTimestamp"}, w.events(50))
	w.call("kubectl", map[string]any{"args": "get pods -n shop -o json"}, w.pods(8))
	w.say("The plan changes three things: the bundle's bucket object, a security group's description and one tag. Nothing is destroyed. All nodes are ready.")
	return w.trace
}

func (w *writer) pods(n int) string {
	var items []any
	for i := range n {
		name := fmt.Sprintf("%s-6f7d9c9b5-%s", w.one("checkout", "checkout", "cart", "catalog"), w.from("bcdfghjklmnpqrstvwxz2456789", 5))
		items = append(items, map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{
				"name": name, "namespace": "shop", "uid": w.uuid(), "resourceVersion": fmt.Sprint(w.between(80_000_000, 90_000_000)), "creationTimestamp": w.clock(),
				"labels":      map[string]any{"app": "checkout", "pod-template-hash": "6f7d9c9b5", "tier": "backend"},
				"annotations": map[string]any{"prometheus.io/scrape": "true", "prometheus.io/port": "9102", "checksum/config": w.hex(64)},
			},
			"spec": map[string]any{
				"nodeName": "node-" + fmt.Sprint(i%3+1), "restartPolicy": "Always", "serviceAccountName": "checkout", "terminationGracePeriodSeconds": 30,
				"containers": []any{map[string]any{
					"name": "checkout", "image": "registry.example.org/shop/checkout:4.18." + w.one("1", "2"), "ports": []any{map[string]any{"containerPort": 8080, "name": "http", "protocol": "TCP"}},
					"resources": map[string]any{"limits": map[string]any{"cpu": "1", "memory": "768Mi"}, "requests": map[string]any{"cpu": "250m", "memory": "512Mi"}},
				}},
			},
			"status": map[string]any{
				"phase": "Running", "hostIP": fmt.Sprintf("10.0.%d.%d", i%3, w.between(2, 250)), "podIP": fmt.Sprintf("10.42.%d.%d", i%3, w.between(2, 250)), "qosClass": "Burstable", "startTime": w.clock(),
				"containerStatuses": []any{map[string]any{
					"name": "checkout", "ready": i%4 != 0, "restartCount": w.IntN(7), "started": true, "containerID": "containerd://" + w.hex(64), "imageID": "registry.example.org/shop/checkout@sha256:" + w.hex(64),
					"state": map[string]any{"running": map[string]any{"startedAt": w.clock()}}, "lastState": map[string]any{},
				}},
			},
		})
	}
	return pretty(map[string]any{"apiVersion": "v1", "kind": "List", "items": items, "metadata": map[string]any{"resourceVersion": ""}})
}

func (w *writer) uuid() string {
	return w.hex(8) + "-" + w.hex(4) + "-4" + w.hex(3) + "-a" + w.hex(3) + "-" + w.hex(12)
}

func (w *writer) clock() string {
	return fmt.Sprintf("2026-11-%02dT%02d:%02d:%02dZ", w.between(20, 28), w.IntN(24), w.IntN(60), w.IntN(60))
}

func (w *writer) logs(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "2026-11-28T09:%02d:%02d.%03dZ ", 40+i/6%20, i*7%60, w.IntN(1000))
		switch w.IntN(5) {
		case 0, 1:
			fmt.Fprintf(&out, "ERROR payment call failed order=%d attempt=%d error=\"x509: certificate has expired or is not yet valid: current time is after 2026-11-28T09:38:00Z\"\n", w.between(18_300_000, 18_400_000), w.between(1, 3))
		case 2:
			fmt.Fprintf(&out, "WARN  retrying in %dms host=pay.example.org trace=%s\n", w.between(100, 3200), w.hex(32))
		case 3:
			fmt.Fprintf(&out, "INFO  request done method=POST path=/v2/checkout status=%s duration=%dms bytes=%d\n", w.one("200", "200", "502"), w.between(12, 900), w.between(200, 4000))
		default:
			out.WriteString("ERROR panic recovered in handler\n    goroutine 4711 [running]:\n    shop/checkout/pay.(*Client).Charge(0xc000418000, {0x1a3f2c8, 0xc0004aa2d0})\n    \t/src/checkout/pay/client.go:118 +0x2f1\n    shop/checkout/api.(*Server).post(0xc00011c0f0)\n    \t/src/checkout/api/post.go:64 +0x19c\n")
		}
	}
	return out.String()
}

func (w *writer) describe() string {
	var out strings.Builder
	out.WriteString("Name:             checkout-6f7d9c9b5-x2x4k\nNamespace:        shop\nPriority:         0\nService Account:  checkout\nNode:             node-2/10.0.1.17\nLabels:           app=checkout\n                  pod-template-hash=6f7d9c9b5\nStatus:           Running\nContainers:\n  checkout:\n    Image:          registry.example.org/shop/checkout:4.18.2\n    Port:           8080/TCP\n    State:          Running\n    Ready:          False\n    Restart Count:  3\n    Liveness:       http-get http://:8080/healthz delay=5s timeout=2s period=10s #success=1 #failure=3\n    Readiness:      http-get http://:8080/readyz delay=2s timeout=2s period=5s #success=1 #failure=3\nEvents:\n  Type     Reason     Age                    From      Message\n  ----     ------     ----                   ----      -------\n")
	for range 14 {
		fmt.Fprintf(&out, "  Warning  Unhealthy  %ds (x%d over %dm)       kubelet   Readiness probe failed: HTTP probe failed with statuscode: 503\n", w.between(5, 59), w.between(2, 240), w.between(3, 50))
	}
	return out.String()
}

func (w *writer) blobs() string {
	var raw []byte
	for len(raw) < 3000 {
		raw = binary.LittleEndian.AppendUint64(raw, w.Uint64())
	}
	encoded := base64.StdEncoding.EncodeToString(raw)
	var pem strings.Builder
	pem.WriteString("-----BEGIN CERTIFICATE-----\n")
	for i := 0; i+64 <= 1600; i += 64 {
		pem.WriteString(encoded[i:i+64] + "\n")
	}
	pem.WriteString("-----END CERTIFICATE-----\n")
	return pretty(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "checkout-tls", "namespace": "shop", "uid": w.uuid()},
		"data":       map[string]any{"ca.pem": pem.String(), "hosts": "pay.example.org\npay2.example.org\n"},
		"binaryData": map[string]any{"truststore.jks": encoded},
	})
}

func (w *writer) inspect() string {
	var layers []string
	for range 14 {
		layers = append(layers, "sha256:"+w.hex(64))
	}
	return pretty([]any{map[string]any{
		"Id": "sha256:" + w.hex(64), "RepoTags": []string{"registry.example.org/shop/checkout:4.18.2"}, "Created": w.clock(), "Architecture": "amd64", "Os": "linux", "Size": 48211034,
		"Config": map[string]any{"User": "65532", "Env": []string{"PATH=/usr/local/bin:/usr/bin", "SSL_CERT_DIR=/etc/bundle", "GOMEMLIMIT=600MiB"}, "Entrypoint": []string{"/checkout"}, "Labels": map[string]any{"org.opencontainers.image.revision": w.hex(40)}},
		"RootFS": map[string]any{"Type": "layers", "Layers": layers},
	}})
}

func (w *writer) rollout() string {
	var out strings.Builder
	for i := range 22 {
		fmt.Fprintf(&out, "Waiting for deployment \"checkout\" rollout to finish: %d out of 8 new replicas have been updated...\n", i/3+1)
	}
	out.WriteString("deployment \"checkout\" successfully rolled out\n")
	return out.String()
}

func (w *writer) plan() string {
	var out strings.Builder
	for range 60 {
		fmt.Fprintf(&out, "%s.%s: Refreshing state... [id=%s-%s]\n", w.one("aws_security_group", "aws_s3_bucket", "aws_iam_role", "aws_subnet", "aws_route53_record"), w.one("shop", "bundle", "nodes", "edge", "db")+"_"+w.hex(3), w.one("sg", "rtb", "subnet", "arn"), w.hex(17))
	}
	out.WriteString("\nTerraform will perform the following actions:\n\n  # aws_s3_object.bundle will be updated in-place\n  ~ resource \"aws_s3_object\" \"bundle\" {\n      ~ etag         = \"" + w.hex(32) + "\" -> \"" + w.hex(32) + "\"\n        id           = \"bundle.pem\"\n        # (9 unchanged attributes hidden)\n    }\n\nPlan: 0 to add, 3 to change, 0 to destroy.\n")
	return out.String()
}

func (w *writer) nodes(n int) string {
	var items []any
	for i := range n {
		var images []any
		for range 16 {
			images = append(images, map[string]any{"names": []string{"registry.example.org/shop/" + w.one("cart", "catalog", "checkout", "search") + "@sha256:" + w.hex(64)}, "sizeBytes": w.between(9_000_000, 300_000_000)})
		}
		items = append(items, map[string]any{
			"kind": "Node", "metadata": map[string]any{"name": fmt.Sprint("node-", i+1), "uid": w.uuid(), "labels": map[string]any{"kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": w.one("a", "b", "c")}},
			"status": map[string]any{
				"capacity": map[string]any{"cpu": "8", "memory": "32780144Ki", "pods": "110"}, "images": images,
				"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": w.clock()}, map[string]any{"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory", "lastHeartbeatTime": w.clock()}},
			},
		})
	}
	return pretty(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}

func (w *writer) events(n int) string {
	var out strings.Builder
	out.WriteString("LAST SEEN   TYPE      REASON      OBJECT                          MESSAGE\n")
	for i := range n {
		fmt.Fprintf(&out, "%-11s %-9s %-11s pod/checkout-6f7d9c9b5-%s   %s\n", fmt.Sprint(60-i, "m"), w.one("Normal", "Normal", "Warning"), w.one("Pulled", "Created", "Started", "Unhealthy", "Killing"), w.from("bcdfghjk24567", 5),
			w.one("Container image already present on machine", "Created container: checkout", "Started container checkout", "Readiness probe failed: HTTP probe failed with statuscode: 503", "Stopping container checkout"))
	}
	return out.String()
}
