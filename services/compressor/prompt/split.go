package prompt

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// How long the parts of a user's message are, in bytes.
const (
	// instructionBytes is the most that a paragraph at an end of the message may have to be
	// what is asked.
	instructionBytes = 1000
	// contextBytes is the least that has to be left beside it: less is not worth it.
	contextBytes = 600
	// step is how much of a text is gone over until it is asked again whether there is time.
	step = 64 << 10
)

// message takes the texts of a user's message apart into what is asked, which stays, and
// what is given to answer it. On any doubt all of it stays. The question is the part of what
// stays that asks.
//
// What is given has to be told apart: by tags, by marks of documents, by a label such as
// `Context:`, by parts of their own, or, where there is none of these, by a question that is
// one by its label or its mark. What stands before the first mark stays, and so do short
// paragraphs at the end and what else follows the documents, see closing.
func message(ctx context.Context, texts []string) (segments [][]segment, question string, err error) {
	segments = make([][]segment, len(texts))
	var asked []string
	tagged, broken := false, false
	for i, text := range texts {
		found, unclear := tags(text)
		broken = broken || unclear
		if found != nil {
			segments[i], tagged = found, true
			for _, s := range found {
				if !s.free {
					asked = append(asked, s.text)
				}
			}
		} else {
			segments[i] = []segment{{text: text}}
			asked = append(asked, text)
		}
	}
	if broken {
		for i, text := range texts {
			segments[i] = []segment{{text: text}}
		}
		return segments, strings.Join(texts, "\n"), nil
	}
	if tagged {
		return segments, strings.Join(asked, "\n"), nil
	}
	var all []block
	found := make([][]element, len(texts))
	for i, text := range texts {
		found[i] = elements(text)
		if all, err = paragraphs(ctx, all, i, text, aroundDocuments(text, found[i])); err != nil {
			return nil, "", err
		}
	}
	first, by := opening(all)
	if by != byTags {
		all = behind(all, first, by)
	}
	given, question, err := ask(ctx, all, first, by)
	if err != nil {
		return nil, "", err
	}
	given -= keepElements(found, all)
	if given < contextBytes {
		return segments, strings.Join(texts, "\n"), nil
	}
	for i, text := range texts {
		segments[i] = runs(text, i, all)
	}
	return segments, question, nil
}

// block is a paragraph of a message.
type block struct {
	text       string
	from       int  // which of the message's texts
	start, end int  // in that text
	tagged     bool // tags that name documents are around it
	own        bool // the caller says it behind the documents
	unsure     bool // or it is the end of a document
	stays      bool
}

// runs are a text's segments: a run of paragraphs that do not stay is one, with the lines
// between them, but for tags that are around more than is in it, or around all of it.
func runs(text string, from int, all []block) (segments []segment) {
	var free []span
	open := false
	for i := range all {
		switch b := &all[i]; {
		case b.from != from:
		case b.stays:
			open = false
		case open:
			free[len(free)-1].end = b.end
		default:
			free = append(free, span{b.start, b.end})
			open = true
		}
	}
	done := 0
	for _, s := range keepPairs(text, free) {
		if done < s.start {
			segments = append(segments, segment{text: text[done:s.start]})
		}
		segments = append(segments, segment{text: text[s.start:s.end], free: true})
		done = s.end
	}
	if done < len(text) {
		segments = append(segments, segment{text: text[done:]})
	}
	return segments
}

// paragraphs appends the paragraphs of a text: what blank lines part, but not within code
// fences, and where an element that is around documents begins and ends. A line with a label, and
// a short question at either end, is one of its own.
func paragraphs(ctx context.Context, to []block, from int, text string, around []element) ([]block, error) {
	begin, fenced, inside := -1, false, false
	put := func(end int) {
		if begin < 0 {
			return
		}
		body := strings.TrimRight(text[begin:end], " \t\r\n")
		to = append(to, block{text: body, from: from, start: begin, end: begin + len(body), tagged: inside})
		begin = -1
	}
	for at, asked := 0, 0; at < len(text); {
		if at-asked > step {
			if asked = at; ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		if len(around) > 0 && at == around[0].end {
			put(at)
			around, fenced, inside = around[1:], false, false
		}
		next := at + strings.IndexByte(text[at:], '\n') + 1
		if next == at {
			next = len(text)
		}
		if len(around) > 0 {
			if at == around[0].start {
				put(at)
				fenced, inside = false, true
			}
			edge := around[0].start
			if inside {
				edge = around[0].end
			}
			next = min(next, edge)
		}
		line := strings.TrimSpace(text[at:next])
		fence := strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~")
		switch {
		case fenced || fence:
			fenced = fenced != fence
			if begin < 0 {
				begin = at
			}
		case line == "":
			put(at)
		case labelled(line, questionLabels) || labelled(line, ruleLabels) || labelled(line, contextLabels) || titled(line) || asks(line) && (begin < 0 || next == len(text)):
			put(at)
			begin = at
			if asks(line) {
				put(next)
			}
		case begin < 0:
			begin = at
		}
		at = next
	}
	put(len(text))
	return to, nil
}

// ask marks the paragraphs that stay, and returns how many bytes are left and what is asked.
func ask(ctx context.Context, all []block, first int, mark mark) (given int, question string, err error) {
	var labels, marks, ends, unsure []string
	ask := func(b *block) {
		text := strings.TrimSpace(b.text)
		switch {
		case labelled(text, questionLabels) && len(text) <= instructionBytes:
			labels = append(labels, text)
		case asks(text):
			marks = append(marks, text)
		case b.unsure:
			unsure = append(unsure, text)
			return
		case b.stays && !prompting(text):
			ends = append(ends, text)
			return
		default:
			return
		}
		b.stays = true
	}
	for i := range all {
		all[i].stays = i < first || all[i].own || mark == byTags && !all[i].tagged
	}
	if mark != byTags {
		closing(all, first, mark)
	}
	for i := range all {
		ask(&all[i])
	}
	if len(labels)+len(marks) == 0 && mark == byDocuments {
		if last := &all[len(all)-1]; !last.stays && !document(strings.TrimSpace(last.text)) {
			last.stays = true // what is long and no document may ask for much
			ends = append(ends, last.text)
		}
	}
	if err := own(ctx, all, mark); err != nil {
		return 0, "", err
	}
	for i := range all {
		if !all[i].stays {
			given += len(all[i].text)
		}
	}
	switch {
	case labels != nil:
		return given, strings.Join(labels, "\n"), nil
	case marks != nil:
		return given, strings.Join(marks, "\n"), nil
	case mark != unmarked && ends != nil:
		question = strings.Join(ends, "\n")
		if unsure != nil && slices.ContainsFunc(all, func(b block) bool { return !b.stays && shares(question, b.text) }) {
			question += "\n" + strings.Join(unsure, "\n")
		}
		return given, question, nil
	}
	return 0, "", nil // nobody can tell what is asked
}

// closing marks what follows the documents to stay: the short paragraphs at the end, and of the
// others those behind the last document that is marked and said in one paragraph. Where it is
// not, or a label alone tells what is given, nobody can tell where the documents end, and the last
// of two paragraphs and more stays.
func closing(all []block, first int, by mark) {
	documents, last := marked(all, first)
	end := len(all)
	for end > first && small(&all[end-1]) {
		end--
		all[end].stays = true
	}
	if by != byLabel && by != byDocuments || last < first || end-1 <= last {
		return
	}
	if marked := strings.TrimSpace(all[last].text); documents > 1 && document(marked) && (len(marked) > headingBytes || strings.Contains(marked, "\n")) {
		for i := last + 1; i < end; i++ {
			all[i].stays = true
		}
		return
	}
	if marked := strings.TrimSpace(all[last].text); end-last < 3 && len(marked) <= headingBytes {
		return // it is all that is given under its heading
	}
	all[end-1].stays = true
	for i := end - 2; i > last && small(&all[i]); i-- {
		all[i].stays = true
	}
}

// marked counts the paragraphs from some on that begin with the mark of a document, and finds the last
// one with such a mark or a label of what is given; it is the one before them where there is none.
func marked(all []block, first int) (documents, last int) {
	last = first - 1
	for i := first; i < len(all); i++ {
		switch text := strings.TrimSpace(all[i].text); {
		case all[i].own:
		case document(text) && !ruled(text):
			documents++
			last = i
		case labelled(text, contextLabels):
			last = i
		}
	}
	return documents, last
}

// headingBytes is the most that a document's heading has.
const headingBytes = 120

// own marks the paragraphs that are the caller's own words to stay: rules, of any size, and
// where nothing but a question tells what is given apart, what speaks in the first or second
// person or says what must be.
func own(ctx context.Context, all []block, mark mark) error {
	rules := false // a heading or a label of rules holds for what follows it
	counted := numbered(all)
	for i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := &all[i]
		text := strings.TrimSpace(b.text)
		switch {
		case ruled(text):
			rules = strings.IndexByte(text, '\n') < 0 && len(text) <= labelBytes // a heading alone
		case document(text) && !(counted && digits(text)) || labelled(text, contextLabels) || labelled(text, questionLabels) || asks(text):
			rules = false
		}
		if b.stays {
			continue
		}
		switch {
		case rules, ruled(text), counted && digits(text):
			b.stays = true
		case document(text) && (mark == byDocuments || mark == byTags || titled(text)):
		case !labelled(text, contextLabels) && formats(text):
			b.stays = true
		case mark == unmarked || mark == byParts:
			_, second := speaks(text)
			b.stays = second || instructs(text) || ordering(text) || binds(text)
		case mark == byLabel && len(text) <= instructionBytes:
			b.stays = instructs(text) || ordering(text)
		default:
			b.stays = ordering(text)
		}
	}
	if mark == byLabel || mark == byTags || mark == byDocuments && !outlined(all) {
		return nil
	}
	// A story is not taken apart: what does not say I in it belongs to what does.
	told := map[int]bool{} // the parts that are one
	for i := range all {
		if b := &all[i]; len(b.text) > smallBytes || !b.stays {
			if first, _ := speaks(b.text); first {
				told[b.from] = true
			}
		}
	}
	for i := range all {
		all[i].stays = all[i].stays || told[all[i].from]
	}
	return nil
}

// ordering tells whether a paragraph within what is marked as given tells what to do: by a line
// that begins with a command, or by two sentences.
func ordering(text string) bool {
	lines, sentences := orders(text)
	return lines > 0 || sentences > 1
}

// ruled tells whether a paragraph begins with a label, a heading or a tag of rules.
func ruled(text string) bool {
	if labelled(text, ruleLabels) {
		return true
	}
	line, _, _ := strings.Cut(head(text, 2*labelBytes), "\n")
	if line == "" || strings.IndexByte("#<[*_", line[0]) < 0 {
		return false
	}
	if tag, _, ok := strings.Cut(line, ">"); ok && line[0] == '<' {
		line = tag
	}
	name := strings.ToLower(strings.Trim(line, " \t\r#*_<>[]:："))
	return slices.Contains(ruleLabels, name) || slices.Contains(questionLabels, name)
}

// outlined tells whether what is told apart as documents is so by numbers and headings alone,
// by which people set out their own affairs as well.
func outlined(all []block) bool {
	return !slices.ContainsFunc(all, func(b block) bool {
		text := strings.TrimSpace(b.text)
		heading := strings.HasPrefix(strings.TrimLeft(text, "#"), " ")
		return document(text) && !ruled(text) && !digits(text) && !(text[0] == '#' && heading)
	})
}

// digits tells whether a paragraph begins with a number.
func digits(text string) bool { return text != "" && text[0] >= '0' && text[0] <= '9' }

// numbered tells whether the paragraphs that begin with numbers are rules, by one that is.
func numbered(all []block) bool {
	for i := range all {
		if text := strings.TrimSpace(all[i].text); digits(text) && document(text) {
			if lines, _ := orders(text); lines > 0 {
				return true
			}
		}
	}
	return false
}

// mark is how what is given is told apart.
type mark uint8

const (
	unmarked    mark = iota
	byLabel          // such as `Context:`
	byDocuments      // two documents or more that are told to be
	byParts          // the message has parts
	byTags           // that name documents: what is outside is the caller's
)

// opening returns the first paragraph of what is given, and how it is told apart.
func opening(all []block) (first int, by mark) {
	if inTags(all) {
		return 0, byTags
	}
	documents, at := 0, 0
	counted := numbered(all)
	for i := range all {
		text := strings.TrimSpace(all[i].text)
		switch {
		case labelled(text, contextLabels):
			return i, byLabel
		case document(text) && !ruled(text) && !(counted && digits(text)):
			if documents++; documents == 1 {
				at = i
			}
		}
	}
	switch {
	case documents > 1:
		return at, byDocuments
	case len(all) > 0 && all[0].from != all[len(all)-1].from:
		return 0, byParts
	}
	for first < len(all) && small(&all[first]) {
		first++
	}
	return first, unmarked
}

// inTags tells whether tags that name documents tell what is given: there are no other marks of
// documents outside them, or they are around the most of the message.
func inTags(all []block) bool {
	inside, outside, listed := 0, 0, false
	for i := range all {
		b := &all[i]
		if b.tagged {
			inside += len(b.text)
			continue
		}
		outside += len(b.text)
		text := strings.TrimSpace(b.text)
		heading := len(text) <= headingBytes && !strings.Contains(text, "\n")
		listed = listed || titled(text) || len(text) > 1 && text[0] == '[' && digits(text[1:]) || labelled(text, contextLabels) && !heading
	}
	return inside >= contextBytes && (!listed || inside > outside)
}

// small tells whether a paragraph at an end of the message is too short to be a document.
func small(b *block) bool {
	text := strings.TrimSpace(b.text)
	return b.own || len(text) <= smallBytes && !document(text)
}

// smallBytes is the most that such a paragraph has.
const smallBytes = 400

// questionLabels begin what is asked, in lower case.
var questionLabels = []string{
	"question", "user question", "user query", "query", "q", "task", "instruction", "instructions",
	"frage", "aufgabe", "pregunta", "domanda", "pergunta", "вопрос", "问题", "問題", "質問", "질문",
}

// contextLabels begin what is given, in lower case.
var contextLabels = []string{
	"context", "documents", "document", "passages", "passage", "sources", "source", "search results", "results", "background", "article",
	"articles", "text", "texts", "excerpt", "excerpts", "references", "knowledge", "information", "data", "transcript", "paper", "kontext",
	"dokumente", "quellen", "contexte", "contexto", "documentos", "контекст", "документы", "上下文", "资料", "文档", "参考资料", "文脈", "資料", "문맥",
}

// ruleLabels begin what holds for the answer, in lower case.
var ruleLabels = []string{
	"rule", "rules", "guideline", "guidelines", "constraint", "constraints", "requirement", "requirements", "format", "output format",
	"output", "answer format", "response format", "style", "tone", "important", "note", "notes", "remember", "steps", "goal", "role",
	"schema", "example", "examples", "regeln", "wichtig", "hinweis", "ausgabe", "règles", "reglas", "formato", "правила", "важно",
	"要求", "规则", "注意", "格式", "ルール", "규칙",
}

// labelBytes is the most that a label has.
const labelBytes = 40

// labelled tells whether a text begins with one of the labels and a colon.
func labelled(line string, labels []string) bool {
	line = head(line, labelBytes+utf8.UTFMax)
	at := strings.IndexByte(line, ':')
	if wide := strings.Index(line, "："); wide >= 0 && (at < 0 || wide < at) {
		at = wide
	}
	if at < 0 || at > labelBytes {
		return false
	}
	label := strings.ToLower(strings.Trim(line[:at], " \t#*_<>[]"))
	return slices.Contains(labels, label)
}

// questionMarkBytes is the most that a paragraph may have to be a question by its mark.
const questionMarkBytes = 400

// asks tells whether a short text ends with a question mark.
func asks(text string) bool {
	if len(text) > questionMarkBytes {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(text, " \t\r\n\"'”“)*_"))
	return last == '?' || last == '？' || last == '؟' || last == '\u037e'
}

// prompting tells whether a text only asks the model to go on, such as `Answer:`.
func prompting(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) <= 40 && (strings.HasSuffix(text, ":") || strings.HasSuffix(text, "："))
}

// documentWords begin documents in a list, with a number behind them.
var documentWords = []string{"document", "doc", "source", "passage", "title", "article", "dokument", "quelle", "документ", "文档", "文件", "资料", "來源"}

// titled tells whether a line begins with such a word and a number or a bracket.
func titled(line string) bool {
	for _, word := range documentWords {
		if len(line) > len(word) && strings.EqualFold(line[:len(word)], word) {
			rest := strings.TrimLeft(line[len(word):], " ")
			return rest != "" && (rest[0] == '[' || rest[0] == '(' || rest[0] == ':' || rest[0] == '#' || rest[0] >= '0' && rest[0] <= '9')
		}
	}
	return false
}

// document tells whether a paragraph begins as documents in a list do: with such a word, with
// a number in brackets or with a dot, with a heading or a tag.
func document(text string) bool {
	if text == "" {
		return false
	}
	switch c := text[0]; {
	case titled(text), c == '#':
		return true
	case c == '[', c == '<':
		line, _, _ := strings.Cut(head(text, endBytes+utf8.UTFMax), "\n")
		return endOf(strings.TrimSpace(line)) != rule
	case c >= '0' && c <= '9':
		rest := strings.TrimLeft(text, "0123456789")
		return rest != "" && (rest[0] == '.' || rest[0] == ')' || rest[0] == ':')
	}
	return false
}
