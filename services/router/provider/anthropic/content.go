package anthropic

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tollgate.dev/services/router/chat"
)

// blocks appends the content of a message, each block with a comma behind it. The
// last block takes the message's own cache breakpoint, unless calls follow it. trim
// takes the white space off the end, which the API refuses in a final assistant turn.
func (e *encoder) blocks(b []byte, m *chat.Message, at string, trim bool) ([]byte, error) {
	last := len(m.Content) - 1
	for last >= 0 && isText(&m.Content[last]) && blank(m.Content[last].Text) {
		last--
	}
	for i := range m.Content {
		p := &m.Content[i]
		if isText(p) && blank(p.Text) {
			continue
		}
		cc := p.CacheControl
		if cc == nil && i == last && len(m.ToolCalls) == 0 {
			cc = m.CacheControl
		}
		where := at + ".content[" + strconv.Itoa(i) + "]"
		for _, name := range slices.Sorted(maps.Keys(p.Extra)) {
			if err := e.call.Unsupported(where+"."+name, "the provider's content has no such member"); err != nil {
				return nil, err
			}
		}
		var err error
		switch {
		case isText(p):
			text := p.Text
			if trim && i == last {
				text = strings.TrimRight(text, " \t\r\n")
			}
			b = quoted(append(b, `{"type":"text","text":`...), text)
		case m.Role != "user" && m.Role != "tool":
			return nil, refuse(where, "only users and tools can show more than text")
		case p.Type == "image_url":
			if err = e.known(where+".image_url", p, "url", "detail", "format"); err == nil {
				b, err = e.image(b, p.Image, where+".image_url")
			}
		case p.Type == "file":
			if err = e.known(where+".file", p, "file_id", "file_data", "filename", "format"); err == nil {
				b, err = document(b, p.File, where+".file")
			}
		case p.Type == "input_audio":
			return nil, refuse(where, "the provider takes no audio")
		default:
			return nil, refuse(where, "the provider has no such content")
		}
		if err != nil {
			return nil, err
		}
		b = closeBlock(b, cc)
	}
	return b, nil
}

// known refuses the members of a part's object that are not among names.
func (e *encoder) known(at string, p *chat.Part, names ...string) error {
	for _, name := range p.Unknown(names...) {
		if err := e.call.Unsupported(at+"."+name, "the provider's content has no such member"); err != nil {
			return err
		}
	}
	return nil
}

func isText(p *chat.Part) bool { return p.Type == "text" || p.Type == "refusal" }

// image writes an image block without its end.
func (e *encoder) image(b []byte, image *chat.Image, at string) ([]byte, error) {
	if image.Detail != "" && image.Detail != "auto" {
		if err := e.call.Unsupported(at+".detail", "the provider has no level of detail"); err != nil {
			return nil, err
		}
	}
	b = append(b, `{"type":"image","source":{`...)
	if strings.HasPrefix(image.URL, "https://") {
		b = quoted(append(b, `"type":"url","url":`...), image.URL)
		return append(b, '}'), nil
	}
	media, data, ok := dataURL(image.URL)
	if !ok {
		return nil, invalid(at+".url", "must be an https URL or a base64 data URL")
	}
	if image.Format != "" {
		media = image.Format
	}
	switch media {
	case "image/jpg":
		media = "image/jpeg"
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		return nil, refuse(at, "the provider takes JPEG, PNG, GIF and WebP images")
	}
	return appendBase64(b, media, data), nil
}

// document writes a document block without its end: a PDF, or plain text.
func document(b []byte, file *chat.File, at string) ([]byte, error) {
	if file.Data == "" && strings.HasPrefix(file.ID, "https://") { // as LiteLLM's clients name one
		b = quoted(append(b, `{"type":"document","source":{"type":"url","url":`...), file.ID)
		return documentTitle(append(b, '}'), file), nil
	}
	if file.ID != "" {
		return nil, refuse(at+".file_id", "uploaded files are not the provider's")
	}
	media, data, ok := dataURL(file.Data)
	if !ok && file.Format != "" && !strings.HasPrefix(file.Data, "data:") {
		data, ok = file.Data, file.Data != ""
	}
	if !ok {
		return nil, invalid(at+".file_data", "must be a base64 data URL")
	}
	if file.Format != "" {
		media = file.Format
	}
	b = append(b, `{"type":"document","source":{`...)
	switch media {
	case "application/pdf":
		b = appendBase64(b, media, data)
	case "text/plain":
		text, err := base64.StdEncoding.DecodeString(data)
		if err != nil || !utf8.Valid(text) {
			return nil, invalid(at+".file_data", "must be UTF-8 text in base64")
		}
		b = append(b, `"type":"text","media_type":"text/plain","data":`...)
		b = append(quoted(b, string(text)), '}')
	default:
		return nil, refuse(at, "the provider takes PDF and plain text")
	}
	return documentTitle(b, file), nil
}

func documentTitle(b []byte, file *chat.File) []byte {
	if file.Name == "" {
		return b
	}
	return quoted(append(b, `,"title":`...), file.Name)
}

// appendBase64 writes the rest of a source.
func appendBase64(b []byte, media, data string) []byte {
	b = append(append(append(b, `"type":"base64","media_type":"`...), media...), `","data":`...)
	return append(quoted(b, data), '}')
}

// dataURL splits data:<media type>[;parameters];base64,<data> (RFC 2397).
func dataURL(url string) (media, data string, ok bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	if !ok {
		return "", "", false
	}
	head, data, ok := strings.Cut(rest, ",")
	if !ok {
		return "", "", false
	}
	head, ok = strings.CutSuffix(head, ";base64")
	media, _, _ = strings.Cut(head, ";")
	return strings.ToLower(media), data, ok && data != ""
}
