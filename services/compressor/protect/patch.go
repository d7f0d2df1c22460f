package protect

import "strings"

// markHunks marks the lines of unified differences, whatever is in them: a hunk's header says how
// many there are.
func markHunks(lines []string, kinds []lineKind) {
	for i := 0; i < len(lines); i++ {
		old, now, ok := parseHunkHeader(lines[i])
		if !ok {
			continue
		}
		for from := i - 1; from >= 0 && i-from <= maxPatchHead && isPatchHeader(lines[from]); from-- {
			kinds[from] = codeLine
		}
		kinds[i] = codeLine
		for i+1 < len(lines) && (old > 0 || now > 0 || strings.HasPrefix(lines[i+1], `\ `)) {
			line := strings.TrimRight(lines[i+1], "\r\n")
			switch {
			case line == "", line[0] == ' ':
				old, now = old-1, now-1
			case line[0] == '-':
				old--
			case line[0] == '+':
				now--
			case line[0] != '\\':
				old, now = 0, 0 // it is no hunk's
				continue
			}
			i++
			kinds[i] = codeLine
		}
	}
}

// maxPatchHead is how many lines stand before the first hunk of a file, at the most.
const maxPatchHead = 12

// isPatchHeader tells whether a line stands before the hunks of a file.
func isPatchHeader(line string) bool {
	for _, head := range []string{"diff ", "index ", "--- ", "+++ ", "new file mode ", "deleted file mode ", "old mode ", "new mode ", "similarity index ", "rename ", "copy ", "Index: ", "======"} {
		if strings.HasPrefix(line, head) {
			return true
		}
	}
	return false
}

// parseHunkHeader reads a hunk's header, as in @@ -1,3 +1,4 @@, and returns how many lines it has of the old
// text and of the new one.
func parseHunkHeader(line string) (old, now int, ok bool) {
	rest, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return 0, 0, false
	}
	if old, rest, ok = parseLineRange(rest); !ok || !strings.HasPrefix(rest, " +") {
		return 0, 0, false
	}
	if now, rest, ok = parseLineRange(rest[2:]); !ok || !strings.HasPrefix(rest, " @@") {
		return 0, 0, false
	}
	return old, now, true
}

// parseLineRange reads the first line's number and how many lines there are; one where that is not said.
func parseLineRange(text string) (n int, rest string, ok bool) {
	_, rest, ok = parseNumber(text)
	if !ok || !strings.HasPrefix(rest, ",") {
		return 1, rest, ok
	}
	return parseNumber(rest[1:])
}

// parseNumber reads a number of up to six digits.
func parseNumber(text string) (n int, rest string, ok bool) {
	i := 0
	for i < len(text) && i < 6 && text[i] >= '0' && text[i] <= '9' {
		n = n*10 + int(text[i]-'0')
		i++
	}
	return n, text[i:], i > 0
}

// isModuleVersion tells whether a line names a version of a module, as go.mod and go.sum do.
func isModuleVersion(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 2 || !strings.ContainsAny(fields[0], "./") || len(fields[1]) < 2 || fields[1][0] != 'v' || fields[1][1] < '0' || fields[1][1] > '9' {
		return false
	}
	return len(fields) == 2 || strings.HasPrefix(fields[2], "h1:") || fields[2] == "//"
}

// dockerfileInstructions are what the lines of a Dockerfile begin with.
var dockerfileInstructions = []string{"FROM ", "RUN ", "COPY ", "ADD ", "ENV ", "WORKDIR ", "EXPOSE ", "CMD ", "ENTRYPOINT ", "USER ", "ARG ", "LABEL ", "VOLUME ",
	"HEALTHCHECK ", "ONBUILD ", "SHELL ", "STOPSIGNAL "}

// isDockerfileLine tells whether a line is one of a Dockerfile's, for what follows the first word is no
// shouting.
func isDockerfileLine(line string) bool {
	for _, in := range dockerfileInstructions {
		if rest, ok := strings.CutPrefix(line, in); ok {
			return strings.ToUpper(rest) != rest || strings.ContainsAny(rest, "/=[]:$0123456789")
		}
	}
	return false
}
