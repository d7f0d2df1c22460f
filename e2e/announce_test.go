package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// printed is the command that a newcomer pastes, in its parts.
type printed struct {
	command, url, body string
	header             http.Header
}

var (
	printedURL    = regexp.MustCompile(`curl -sS (http://\S+)`)
	printedKey    = regexp.MustCompile(`-H "Authorization: Bearer ([^"]+)"`)
	printedFile   = regexp.MustCompile(`^\$\(cat '([^']+)'\)$`)
	printedHeader = regexp.MustCompile(`-H '([^:]+): ([^']+)'`)
	printedBody   = regexp.MustCompile(`-d '([^']+)'`)
)

func parseAnnouncement(t *testing.T, stdout string) printed {
	t.Helper()
	_, rest, ok := strings.Cut(stdout, "Try it:")
	command, _, ok2 := strings.Cut(rest, "\nand with \"stream\": true for a stream.")
	if !ok || !ok2 {
		t.Fatalf("the announcement holds no command:\n%s", stdout)
	}
	url, body := printedURL.FindStringSubmatch(command), printedBody.FindStringSubmatch(command)
	if url == nil || body == nil {
		t.Fatalf("the command is not as expected:\n%s", command)
	}
	p := printed{command: strings.TrimSpace(command), url: url[1], body: body[1], header: http.Header{}}
	key := printedKey.FindStringSubmatch(command)
	if key == nil {
		t.Fatalf("the command presents no key:\n%s", command)
	}
	if file := printedFile.FindStringSubmatch(key[1]); file != nil {
		text, err := os.ReadFile(file[1])
		if err != nil {
			t.Fatal(err)
		}
		key[1] = strings.TrimSpace(string(text))
	}
	p.header.Set("Authorization", "Bearer "+key[1])
	for _, h := range printedHeader.FindAllStringSubmatch(command, -1) {
		p.header.Set(h[1], h[2])
	}
	return p
}

// streamed is the command with `"stream": true` put in, as the announcement says.
func (p printed) streamed() printed {
	body := strings.Replace(p.body, `"messages"`, `"stream": true, "messages"`, 1)
	p.command = strings.Replace(p.command, p.body, body, 1)
	p.body = body
	return p
}

// paste runs the command as a newcomer does.
func (p printed) paste(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", p.command)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the printed command fails: %v\n%s\n%s", err, p.command, stderr.String())
	}
	return string(out)
}

// send does by Go's client what the command does: a bare machine has no curl.
func (p printed) send(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(p.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = p.header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func assertWhole(t *testing.T, answer string) {
	t.Helper()
	var completion harness.Completion
	if err := json.Unmarshal([]byte(answer), &completion); err != nil {
		t.Fatalf("the answer is no JSON: %v: %s", err, answer)
	}
	if len(completion.Choices) != 1 || !strings.Contains(completion.Choices[0].Message.Content, "simulated answer") {
		t.Errorf("the answer does not say that it is simulated: %s", answer)
	}
}

func assertStreamed(t *testing.T, answer string) {
	t.Helper()
	events := strings.Split(strings.TrimSuffix(answer, "\n\n"), "\n\n")
	if len(events) < 3 || events[len(events)-1] != "data: [DONE]" {
		t.Fatalf("the answer is no whole stream: %s", answer)
	}
	text := ""
	for _, event := range events[:len(events)-1] {
		var chunk harness.Completion
		if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &chunk); err != nil {
			t.Fatalf("a chunk is no JSON: %v: %s", err, event)
		}
		for _, choice := range chunk.Choices {
			text += choice.Delta.Content
		}
	}
	if !strings.Contains(text, "simulated answer") {
		t.Errorf("the stream does not say that it is simulated: %q", text)
	}
}

// TestPrintedCommand is the newcomer's first minute: start it without any setting,
// paste what it prints, and get an answer, whole and streamed.
func TestPrintedCommand(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{MakeMasterKey: true})
	stdout, _ := g.Output()
	if !strings.Contains(stdout, "simulator") {
		t.Errorf("the announcement does not say that providers are simulated:\n%s", stdout)
	}
	p := parseAnnouncement(t, stdout)
	key := strings.TrimPrefix(p.header.Get("Authorization"), "Bearer ")
	g.Secret(key)
	g.Master = key

	assertWhole(t, p.send(t))
	assertStreamed(t, p.streamed().send(t))
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("there is no curl here: Go's client sent what the printed command says")
		return
	}
	assertWhole(t, p.paste(t))
	assertStreamed(t, p.streamed().paste(t))
}

// TestMasterKeyIsKept shows that a made master key is the same after a restart, that
// nobody else may read it, and that the start which made it is the only one to show it.
func TestMasterKeyIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := ""
	for start := range 2 {
		g := harness.Start(t, harness.Options{MakeMasterKey: true, DataDir: dir})
		stdout, _ := g.Output()
		key := strings.TrimPrefix(parseAnnouncement(t, stdout).header.Get("Authorization"), "Bearer ")
		if made != "" && key != made {
			t.Error("the second start made another master key")
		}
		made = key
		if shown := strings.Contains(stdout, key); shown != (start == 0) {
			t.Errorf("start %d shows the master key: %t", start+1, shown)
		}
		if !strings.Contains(stdout, filepath.Join(dir, "master.key")) {
			t.Errorf("start %d does not say where the master key is:\n%s", start+1, stdout)
		}
		g.Master = key
		g.Secret(key)
		g.Call(http.MethodGet, "/v1/models", harness.Call{}).MustBe(t, http.StatusOK)
		g.Stop()
	}
	for _, name := range []string{"master.key", "salt.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %o, others may read it", name, info.Mode().Perm())
		}
	}
}

// TestGivenMasterKeyIsNotPrinted shows that a key from the environment is not echoed.
func TestGivenMasterKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	stdout, _ := g.Output()
	if strings.Contains(stdout, harness.MasterKey) {
		t.Error("the announcement shows the master key that the environment gave")
	}
	if !strings.Contains(stdout, `Bearer $TOLLGATE_MASTER_KEY"`) {
		t.Errorf("the printed command does not refer to the environment's master key:\n%s", stdout)
	}
}
