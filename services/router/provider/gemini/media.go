package gemini

import (
	"maps"
	"net/url"
	gopath "path"
	"slices"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/router/chat"
)

// mediaDetail gathers the images' details, which are one setting of the request.
type mediaDetail struct {
	images int
	low    int
	high   int
}

// part writes one part of a user's message.
func (e *encoder) part(b []byte, at string, p *chat.Part) ([]byte, error) {
	if err := e.partExtra(at, p); err != nil {
		return nil, err
	}
	switch p.Type {
	case "text", "refusal":
		return textPart(b, p.Text), nil
	case "image_url":
		return e.image(b, at+".image_url", p)
	case "input_audio":
		return audio(b, at+".input_audio", p.Audio)
	case "file":
		return e.file(b, at+".file", p)
	}
	// Content is never dropped, whatever drop_params says: the answer would be to
	// another question.
	return nil, errs.Newf(errs.UnsupportedParameter, "%s: parts of type %q are not supported for the Gemini API", at, p.Type).WithParam(at)
}

// partExtra refuses members of a part, and of what it holds, that have no meaning here.
func (e *encoder) partExtra(at string, p *chat.Part) error {
	for _, name := range slices.Sorted(maps.Keys(p.Extra)) {
		if err := e.call.Unsupported(at+"."+name, "the Gemini API has no such parameter"); err != nil {
			return err
		}
	}
	return nil
}

// known refuses the members of a part's object that are not among names.
func (e *encoder) known(at string, p *chat.Part, names ...string) error {
	for _, name := range p.Unknown(names...) {
		if err := e.call.Unsupported(at+"."+name, "the Gemini API has no such parameter"); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) image(b []byte, at string, p *chat.Part) ([]byte, error) {
	if err := e.known(at, p, "url", "detail", "format"); err != nil {
		return nil, err
	}
	e.media.images++
	switch p.Image.Detail {
	case "", "auto":
	case "low":
		e.media.low++
	case "high":
		e.media.high++
	default:
		if err := e.call.Unsupported(at+".detail", "the Gemini API has the details auto, low and high"); err != nil {
			return nil, err
		}
	}
	return media(b, at+".url", p.Image.URL, p.Image.Format)
}

// resolution writes mediaResolution. A resolution of single parts is not in v1beta.
func (e *encoder) resolution(b []byte) ([]byte, error) {
	m := e.media
	switch {
	case m.low+m.high == 0:
		return b, nil
	case m.low == m.images:
		return append(member(b, "mediaResolution"), `"MEDIA_RESOLUTION_LOW"`...), nil
	case m.high == m.images:
		return append(member(b, "mediaResolution"), `"MEDIA_RESOLUTION_HIGH"`...), nil
	}
	return b, e.call.Unsupported("messages.content.image_url.detail", "the Gemini API takes one resolution for all images")
}

// audioType is the media type of a format, of those of
// https://ai.google.dev/gemini-api/docs/audio (read 2026-11-23); empty for another.
func audioType(format string) string {
	switch format {
	case "wav", "mp3", "aiff", "aac", "ogg", "flac":
		return "audio/" + format
	}
	return ""
}

func audio(b []byte, at string, a *chat.Audio) ([]byte, error) {
	mime := audioType(a.Format)
	if mime == "" {
		return nil, invalid(at+".format", "must be wav, mp3, aiff, aac, ogg or flac")
	}
	if a.Data == "" {
		return nil, invalid(at+".data", "is missing")
	}
	return inline(b, mime, a.Data), nil
}

func (e *encoder) file(b []byte, at string, p *chat.Part) ([]byte, error) {
	if err := e.known(at, p, "file_id", "file_data", "filename", "format"); err != nil {
		return nil, err
	}
	f := p.File
	switch {
	case f.Data != "" && f.ID != "":
		return nil, invalid(at, "has both file_id and file_data")
	case f.Data != "" && !isDataURL(f.Data) && !isHTTPS(f.Data):
		// Plain base64 needs a type from elsewhere.
		mime := f.Format
		if mime == "" {
			mime = typeOf(f.Name)
		}
		if mime == "" {
			return nil, invalid(at+".file_data", "must be a data URL, or the file needs a format")
		}
		return inline(b, mime, f.Data), nil
	case f.Data != "":
		return media(b, at+".file_data", f.Data, f.Format)
	case f.ID == "":
		return nil, invalid(at, "needs file_data or file_id")
	case !isHTTPS(f.ID):
		return nil, invalid(at+".file_id", "must be the URI of a file of Google's Files API, or an https URL")
	}
	return media(b, at+".file_id", f.ID, f.Format)
}

// media writes a data URL as inlineData, and an https URL as fileData: Google fetches
// public and signed URLs itself (https://ai.google.dev/gemini-api/docs/file-input-methods,
// read 2026-11-23; not for the Gemini 2.0 models, which answer so).
func media(b []byte, at, address, format string) ([]byte, error) {
	if isDataURL(address) {
		mime, data, ok := splitDataURL(address)
		if !ok {
			return nil, invalid(at, "is no data URL with base64")
		}
		if format != "" {
			mime = format
		}
		return inline(b, mime, data), nil
	}
	if !isHTTPS(address) {
		return nil, invalid(at, "must be a data URL or an https URL")
	}
	if format == "" {
		if u, err := url.Parse(address); err == nil {
			format = typeOf(u.Path)
		}
	}
	b = jsonscan.AppendQuoted(append(b, `{"fileData":{"fileUri":`...), address)
	if format != "" {
		b = jsonscan.AppendQuoted(append(b, `,"mimeType":`...), format)
	}
	return append(b, "}}"...), nil
}

func inline(b []byte, mime, data string) []byte {
	b = jsonscan.AppendQuoted(append(b, `{"inlineData":{"mimeType":`...), mime)
	b = jsonscan.AppendQuoted(append(b, `,"data":`...), data)
	return append(b, "}}"...)
}

func isDataURL(s string) bool { return len(s) >= 5 && strings.EqualFold(s[:5], "data:") }

func isHTTPS(s string) bool { return len(s) > 8 && strings.EqualFold(s[:8], "https://") }

func splitDataURL(s string) (mime, data string, ok bool) {
	meta, data, ok := strings.Cut(s[len("data:"):], ",")
	if !ok || data == "" || len(meta) < 7 || !strings.EqualFold(meta[len(meta)-7:], ";base64") {
		return "", "", false
	}
	mime, _, _ = strings.Cut(meta, ";")
	if mime == "" {
		mime = "text/plain" // RFC 2397
	}
	return mime, data, true
}

// typeOf is the usual media type of what the API takes, by a file name's extension;
// empty when it tells none.
func typeOf(name string) string {
	switch ext := strings.TrimPrefix(strings.ToLower(gopath.Ext(name)), "."); ext {
	case "png", "jpeg", "webp", "heic", "heif", "gif":
		return "image/" + ext
	case "jpg":
		return "image/jpeg"
	case "pdf", "json":
		return "application/" + ext
	case "csv", "html", "xml":
		return "text/" + ext
	case "txt":
		return "text/plain"
	case "md":
		return "text/markdown"
	case "mp4", "mov", "webm":
		return "video/" + ext
	default:
		return audioType(ext)
	}
}
