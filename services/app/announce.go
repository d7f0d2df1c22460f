package app

import (
	"fmt"
	"io"
	"strings"

	"tollgate.dev/platform/config"
)

// Announce tells a person at the terminal where the gateway is, and how to try it. A master
// key that this start made is shown, this once; the command that it prints reads the key from
// where it is kept.
func (p *Process) Announce(out io.Writer) error {
	address := p.Addr()
	if address == "" {
		_, err := fmt.Fprintf(out, "\nTollgate's %s: for other processes on %s\n\n", namesOf(p.cfg.Mesh.Services), p.MeshAddr())
		return err
	}
	if host, port, ok := strings.Cut(address, "]:"); ok && host == "[::" {
		address = "127.0.0.1:" + port
	}
	address = strings.Replace(address, "0.0.0.0:", "127.0.0.1:", 1)
	variable := p.cfg.General.MasterKeyVariable
	key := "$" + variable
	var b strings.Builder
	fmt.Fprintf(&b, "\nTollgate listens on http://%s\n", address)
	path := p.found.Secrets.masterPath
	switch {
	case path != "":
		key = "$(cat " + shellQuoted(path) + ")"
		if p.found.Secrets.fresh {
			fmt.Fprintf(&b, "Master key: %s (shown this once, and kept in %s)\n", p.found.Secrets.master.Reveal(), path)
		} else {
			fmt.Fprintf(&b, "Master key: kept in %s\n", path)
		}
	case variable == "":
		// It is never printed, and no variable of a shell has it.
		key = "$TOLLGATE_MASTER_KEY"
		b.WriteString("Master key: the configuration file's. Give it to the shell before the command below: export TOLLGATE_MASTER_KEY='...'\n")
	}
	if p.found.Simulator.addr != "" {
		b.WriteString("No provider key is set: the built-in provider simulator answers. It says that it is simulated.\n")
	}
	model := firstModel(p.cfg)
	fmt.Fprintf(&b, `
Try it:

  curl -sS http://%s/v1/chat/completions \
    -H "Authorization: Bearer %s" \
    -H 'Content-Type: application/json' \
    -d '{"model": "%s", "messages": [{"role": "user", "content": "Hello!"}]}'

and with "stream": true for a stream.

`, address, key, model)
	_, err := io.WriteString(out, b.String())
	return err
}

// namesOf lists services for a person.
func namesOf(services []config.Service) string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// firstModel is the model that the example calls.
func firstModel(cfg *config.Config) string {
	for _, d := range cfg.Deployments {
		if d.ModelName == "gpt-4o-mini" {
			return d.ModelName
		}
	}
	return cfg.Deployments[0].ModelName
}

// shellQuoted is text as one word of a shell, which takes nothing in it for its own.
func shellQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
