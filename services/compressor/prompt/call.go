package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/services/compressor/wordset"
)

// call is what a tool was called with.
type call struct {
	arguments string // their beginning
	reads     bool   // the result is what is in one place, such as a file
}

// callOf reads a call's function; not ok if it has no arguments.
func callOf(function []byte) (made call, ok bool) {
	if function == nil {
		return call{}, false
	}
	arguments, ok := jsonscan.Lookup(function, "arguments")
	if !ok || arguments.Kind != jsonscan.KindString {
		return call{}, false
	}
	text, err := jsonscan.String(arguments.Raw(function))
	if err != nil {
		return call{}, false
	}
	return call{head(text, argumentBytes), reads(toolName(function), text)}, true
}

// toolName is a called function's name; empty if it has none.
func toolName(function []byte) string {
	name, ok := jsonscan.Lookup(function, "name")
	if !ok || name.Kind != jsonscan.KindString {
		return ""
	}
	text, err := jsonscan.String(name.Raw(function))
	if err != nil {
		return ""
	}
	return text
}

// reads tells whether a call reads what may be written back: a file, a mail, a page. It does
// where the tool's name says so, an argument names a place, or a command prints a file, but not
// where the tool lists, searches or changes.
func reads(name, arguments string) bool {
	parts := nameParts(name)
	if slices.ContainsFunc(parts, func(p string) bool { return otherCalls[p] }) {
		return false
	}
	found := slices.ContainsFunc(parts, func(p string) bool { return readingCalls[p] })
	raw := []byte(arguments)
	// Arguments that are no object name no place.
	_ = jsonscan.ScanObject(raw, func(m jsonscan.Member) error {
		key := nameParts(string(m.Key))
		if slices.ContainsFunc(key, func(p string) bool { return commandArguments[p] }) {
			found = found || prints(string(m.Raw(raw)))
			return nil
		}
		found = found || slices.ContainsFunc(key, func(p string) bool { return placeArguments[p] })
		return nil
	})
	return found
}

// prints tells whether a command, in JSON, begins with one that prints a file.
func prints(command string) bool {
	for word := range strings.FieldsFuncSeq(head(command, argumentBytes), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"',[]&;`, r) }) {
		switch {
		case printers[word]:
			return true
		case !shells[word]:
			return false
		}
	}
	return false
}

// nameParts are the words of a name such as readFile, read_file or fs.read-file, in lower case.
func nameParts(name string) []string {
	var parts []string
	start := 0
	put := func(end int) {
		if end > start {
			parts = append(parts, strings.ToLower(name[start:end]))
		}
		start = end
	}
	lower := false
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r):
			put(i)
			start = i + utf8.RuneLen(r)
			lower = false
		case unicode.IsUpper(r) && lower:
			put(i)
			lower = false
		default:
			lower = unicode.IsLower(r)
		}
	}
	put(len(name))
	return parts
}

// readingCalls and otherCalls are parts of tools' names, placeArguments and commandArguments of
// their arguments' names. Printers are commands that print files, shells what may stand before one.
var (
	readingCalls     = wordset.Fields("read reads open view cat download file mail email message document doc page note clipboard content contents")
	otherCalls       = wordset.Fields("list ls dir tree glob grep search find query stat edit write create update replace insert append delete remove move copy send forward reply apply patch run exec execute test build")
	placeArguments   = wordset.Fields("path paths file files filename filenames filepath uri url href id ids mail email message document doc note page key")
	commandArguments = wordset.Fields("command cmd script")
	printers         = wordset.Fields("cat head sed nl bat less more type Get-Content")
	shells           = wordset.Fields("bash sh zsh -c -lc pwsh powershell cmd /c sudo")
)
