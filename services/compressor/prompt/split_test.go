package prompt_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// user is a request of one user's message, of parts if there are several texts.
func user(t testing.TB, texts ...string) []byte {
	t.Helper()
	var content any = texts[0]
	if len(texts) > 1 {
		var parts []any
		for _, text := range texts {
			parts = append(parts, map[string]any{"type": "text", "text": text})
		}
		content = parts
	}
	raw, err := json.Marshal(map[string]any{"messages": []any{map[string]any{"role": "user", "content": content}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestQuestionAndContext(t *testing.T) {
	long := func(name string) string {
		return strings.TrimSpace(strings.Repeat("The "+name+" stands by the river, and is older than the town. ", 25))
	}
	mill, tower, bridge := long("mill"), long("tower"), long("bridge")
	documents := "Document [1](Title: Mill) " + mill + "\nDocument [2](Title: Tower) " + tower
	for name, tc := range map[string]struct {
		texts    []string
		question string
		free     []string
	}{
		"an instruction, documents, a question": {
			[]string{"Answer by the documents only.\n\n" + documents + "\n\nQuestion: How old is the mill?\nAnswer:"},
			"Question: How old is the mill?", []string{documents},
		},
		"a question before":    {[]string{"How old is the mill?\n\n" + mill + "\n\n" + tower}, "How old is the mill?", []string{mill + "\n\n" + tower}},
		"a question after":     {[]string{mill + "\n\n\n" + tower + "\n\nHow old is the mill?\n"}, "How old is the mill?", []string{mill + "\n\n\n" + tower}},
		"labels, line by line": {[]string{"Context: " + mill + "\nQuestion: how old is it"}, "Question: how old is it", []string{"Context: " + mill}},
		"no mark, no question": {[]string{"Tell me how old the mill is.\n\n" + mill + "\n" + tower}, "", nil},
		"a label of what is given": {
			[]string{"Tell me how old the mill is.\n\nContext:\n" + mill + "\n" + tower}, "Tell me how old the mill is.", []string{"Context:\n" + mill + "\n" + tower},
		},
		"a letter around it": {
			[]string{"Hello,\n\nI need to know how old the mill is.\n\n" + mill + "\n\nThanks!"}, "", nil,
		},
		"a letter around documents": {
			[]string{"Hello,\n\nI need to know how old the mill is.\n\n" + documents + "\n\nIn ten words.\n\nBest regards,\nAnna"},
			"Hello,\nI need to know how old the mill is.\nIn ten words.\nBest regards,\nAnna", []string{documents},
		},
		"many questions at the end": {
			[]string{documents + "\n\nAnswer these:\n" + strings.Repeat("1. How old is the mill in years?\n", 40) + "In a table, please."},
			"Answer these:\n" + strings.Repeat("1. How old is the mill in years?\n", 40) + "In a table, please.", []string{documents},
		},
		"parts":              {[]string{mill, tower, "How old is the mill?"}, "How old is the mill?", []string{mill, tower}},
		"a question between": {[]string{mill + "\n\nHow old is it?\n\n" + tower}, "How old is it?", []string{mill, tower}},
		"in Chinese": {
			[]string{strings.Repeat("磨坊在河边，比城镇还古老。", 40) + "\n\n问题：磨坊有多古老？"},
			"问题：磨坊有多古老？", []string{strings.Repeat("磨坊在河边，比城镇还古老。", 40)},
		},
		"a fence is not taken apart": {
			[]string{"What is wrong?\n\n" + mill + "\n```\nfunc main() {\n\nQuestion: none\n}\n```\n" + tower},
			"What is wrong?", []string{mill + "\n```\nfunc main() {\n\nQuestion: none\n}\n```\n" + tower},
		},
		"rules between": {
			[]string{"You help travellers.\n\nRules:\n- Answer in French.\n- Cite the paragraph.\n\n" + mill + "\n\nNever guess. Say so if you do not know.\n\n" + tower + "\n\nHow old is the mill?"},
			"How old is the mill?", []string{mill, tower},
		},
		"rules before documents": {
			[]string{"You help travellers.\n\nThe reader is in a hurry, and old.\n\n" + documents + "\n\nHow old is the mill?"},
			"How old is the mill?", []string{documents},
		},
		"nothing but a question":         {[]string{"How old is the mill?"}, "", nil},
		"little beside it":               {[]string{"How old is the mill?\n\nThe mill is old."}, "", nil},
		"nobody asks":                    {[]string{documents + "\n\nDocument [3] " + bridge}, "", nil},
		"a translation":                  {[]string{"Please translate this into German:\n\n" + mill + "\n\n" + tower}, "", nil},
		"a correction":                   {[]string{mill + "\n\n" + tower + "\n\nThanks. Could you proofread it?"}, "", nil},
		"a quotation":                    {[]string{"Repeat the second sentence word for word.\n\n" + mill}, "", nil},
		"a translation in Chinese":       {[]string{"请把下面的文字翻译成英文。\n\n" + mill}, "", nil},
		"a question about a translation": {[]string{"Who was the first to translate it?\n\n" + mill}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := prompt.Parse(t.Context(), user(t, tc.texts...))
			if err != nil {
				t.Fatal(err)
			}
			if got := texts(p); !slices.Equal(got, tc.free) {
				t.Errorf("free are %q, want %q", got, tc.free)
			}
			for _, text := range p.Texts {
				if text.Question != tc.question && !text.Locked {
					t.Errorf("the question is %q, want %q", text.Question, tc.question)
				}
			}
			for _, c := range p.Turns[0].Contents {
				if c.Current() != c.Original {
					t.Errorf("put together again it is %q", c.Current())
				}
			}
		})
	}
}

// What the caller says of themselves, and what they want, stays, however long it is and however
// it is laid out; with documents beside it too.
func TestOwnWordsStay(t *testing.T) {
	long := func(sentence string) string {
		return strings.TrimSpace(strings.Repeat(sentence+" ", 1500/len(sentence)))
	}
	mill := long("The mill stands by the river, and is older than the town.")
	labelled := "Context:\n" + mill + "\n\n"
	listed := "Document [1] " + mill + "\n\nDocument [2] " + mill + "\n\n"
	story := long("The hotel there was small but nice, and the food was rather good.") + " We have eight hundred euros and would rather not rent a car."
	for name, tc := range map[string]struct{ own, other string }{
		"a story":               {story, ""},
		"a story in parts":      {story + "\n\n" + long("The week is the second one of May."), ""},
		"a story with headings": {"# The plan\n\n" + story + "\n\n# The time\n\n" + long("The week is the second one of May."), ""},
		"a story with numbers":  {"1. " + story + "\n\n2. " + long("The week is the second one of May."), ""},
		"I":                     {long("In the morning I like to read and to walk."), ""},
		"i":                     {long("last year i went to the lake and it rained."), ""},
		"a letter to you":       {long("You told him that the tower is closed in winter."), ""},
		"in German":             {long("Meine Frau verträgt keine Nüsse, und das Hotel war klein."), ""},
		"in French":             {long("J'ai huit cents euros et le train coûte cher."), ""},
		"in Spanish":            {long("El hotel era pequeño y queremos otro."), ""},
		"in Russian":            {long("Отель был маленький, и у меня мало денег."), ""},
		"in Chinese":            {long("我们有两个大人和一个孩子，预算是八百欧元。"), ""},
		"in Japanese":           {long("私たちは大人二人と子供一人で、予算は八百ユーロです。"), ""},
		"in Korean":             {long("저희는 어른 두 명과 아이 한 명입니다."), ""},
		"rules, no label":       {long("- Prices are in euros.") + "\n" + long("- End every answer with a greeting."), ""},
		"rules that bind":       {long("The answer is short. Prices must be in euros."), ""},
		"rules under a label":   {long("The tone is formal. End every answer with a greeting. Never mention prices."), labelled},
		"a list under a label":  {"The answers:\n" + long("- Prices in euros.") + "\n- Do not speak of the owner.", labelled},
		"rules among documents": {long("End every answer with a greeting. Do not mention prices."), listed},
		"rules with numbers":    {"1. Never mention prices.\n\n2. " + long("Prices are in euros, and the tone is formal.") + "\n\n3. Short.", labelled},
		"a heading of rules":    {"# Rules\n\n" + long("Prices in euros, and no names.") + "\n\n" + long("The tone is formal."), labelled},
		"a tag of rules":        {"<rules>\n" + long("Prices in euros, and no names.") + "\n</rules>", listed},
		"a label of rules":      {"Rules:\n" + long("- Prices in euros."), labelled},
		"rules in German":       {long("Der Ton ist freundlich. Antworte immer auf Deutsch. Vermeide Namen."), labelled},
	} {
		t.Run(name, func(t *testing.T) {
			for _, parts := range [][]string{{tc.other + tc.own + "\n\nWhere is it?"}, {tc.other, tc.own, "Where is it?"}} {
				if parts[0] == "" {
					parts = parts[1:]
				}
				p, err := prompt.Parse(t.Context(), user(t, parts...))
				if err != nil {
					t.Fatal(err)
				}
				free := texts(p)
				for _, text := range free {
					for own := range strings.Lines(tc.own) {
						if strings.TrimSpace(own) != "" && strings.Contains(text, own) {
							t.Errorf("%d texts: %.60q may be shortened", len(parts), own)
						}
					}
				}
				if (len(free) > 0) != (tc.other != "") {
					t.Errorf("%d texts: free are %.80q", len(parts), free)
				}
			}
		})
	}
}

// What is said behind the documents stays, however long it is, though it begins with no command.
func TestWordsBehindDocumentsStay(t *testing.T) {
	mill := strings.TrimSpace(strings.Repeat("The mill stands by the river, and is older than the town. ", 12))
	tower := strings.TrimSpace(strings.Repeat("The tower is of brick, and was rebuilt after a fire. ", 12))
	board := "The summary is for the board of the harbour company and it has three sections: history, cost and risk. It names no persons at all, for they have objected to that. " +
		"It is in British English, at most one hundred and fifty words long, in the past tense, with amounts in euros and no bullet points. The third section closes with the sentence of the chairman about the storm, and the first one mentions neither of the towns."
	table := "A table with four columns: town, year, height, colour. One row per town. Sorted by year, newest first. Heights in feet, one decimal. Colours by name. No introduction, no closing remark, no code fence. Towns without a lighthouse at the end, with a dash in place of the height. " +
		"The caption under the table says who compiled it, on which day, and from which of the sources above it was taken, in italics and in one line of at most eighty characters."
	enquiry := "Background of the enquiry: the committee of the towns is to meet in spring, and the report is for its chairman, who is an engineer of the old school and a friend of short tables. The last report had eleven columns and nobody of the committee read it to the end. " +
		"The report before it had three, and all of them were quoted in the minutes. A draft of both is in the archive of the committee, on the second shelf from the left."
	for name, given := range map[string]string{
		"under a label":      "Context:\n\n" + mill + "\n\n" + tower + "\n\n" + mill,
		"documents":          "Document [1] " + mill + "\n\nDocument [2] " + tower,
		"numbers":            "[1] " + mill + "\n\n[2] " + tower,
		"headings alone":     "Document 1\n\n" + mill + "\n\nDocument 2\n\n" + tower + "\n\n" + mill,
		"documents of parts": "<doc>\n" + mill + "\n\n" + mill + "\n</doc>\n\n<doc>\n" + tower + "\n</doc>",
	} {
		short := "Heights in feet, please, with one decimal.\n\n" + enquiry
		for _, own := range []string{board, "Deliverable\n\n" + table, short, board + "\n\n" + table + "\n\n" + enquiry} {
			p, err := prompt.Parse(t.Context(), user(t, given+"\n\n"+own+"\n\nQuestion: What happened to the old mill?"))
			if err != nil {
				t.Fatal(err)
			}
			free := texts(p)
			for _, text := range free {
				for line := range strings.Lines(own) {
					if line = strings.TrimSpace(line); line != "" && strings.Contains(text, line) {
						t.Errorf("%s: %.60q may be shortened", name, line)
					}
				}
			}
			if size := len(strings.Join(free, "")); size < len(mill) && own == short { // the others ask for what takes every word
				t.Errorf("%s: %d bytes may be shortened beside %.40q", name, size, own)
			}
		}
	}
}

// What is told to be given may say I and must, and what nobody in it speaks in is given by a
// question alone.
func TestGiven(t *testing.T) {
	long := func(sentence string) string {
		return strings.TrimSpace(strings.Repeat(sentence+" ", 1500/len(sentence)))
	}
	for name, given := range map[string]string{
		"under a label": "Context:\n" + long("We saw the mill, which must be older than the town. I liked it."),
		"documents":     "Document [1] " + long("I saw the mill. You should see it too.") + "\n\nDocument [2] " + long("Never was it so old."),
		"a quotation":   long("“We never sell it,” he said, and the mill is still theirs.") + long(" The mill is old."),
		"a numeral":     long("In World War I the mill was closed, and the US took it."),
		"numbered":      "1. " + long("The mill is old.") + "\n\n2. " + long("The tower is older."),
		"a heading":     "# The mill\n\n" + long("The mill is old."),
	} {
		if name == "a quotation" {
			given = strings.ReplaceAll(given, "never", "gladly")
		}
		p, err := prompt.Parse(t.Context(), user(t, given+"\n\nHow old is the mill?"))
		if err != nil || len(p.Texts) == 0 {
			t.Errorf("%s: nothing is given: %v", name, err)
		}
	}
}

// Who asks for all of a text gets all of it, in whatever words and wherever it is asked.
func TestWhatTakesEveryWord(t *testing.T) {
	mill := strings.TrimSpace(strings.Repeat("The mill stands by the river, and is older than the town. ", 25))
	given := "Document [1] " + mill + "\nDocument [2] " + mill
	for _, order := range []string{
		"Please help me translate the following text into French.", "Give me a French translation of the following text.",
		"Kannst du den folgenden Text bitte ins Englische übersetzen?", "Bitte korrigieren.", "Peux-tu traduire ce texte en anglais ?",
		"¿Puedes traducir este texto al inglés?", "Прошу перевести следующий текст на английский.", "ترجم النص التالي إلى الإنجليزية.",
		"निम्नलिखित पाठ का अंग्रेजी में अनुवाद करें।", "次の文章を英語に訳してください。", "把下面的文字译成英文。", "Check the grammar and spelling of the text below.",
		"Spell-check the following.", "Return the text unchanged.", "Reproduce the text exactly.", "How many words does the text have?",
		"Přelož text do angličtiny.", "Переклади текст англійською мовою.", "Översätt texten till engelska.", "Käännä teksti englanniksi.", "Μετάφρασε το κείμενο στα αγγλικά.",
		"Terjemahkan teks ini ke bahasa Inggris.", "แปลข้อความเป็นภาษาอังกฤษ", "תרגם את הטקסט לאנגלית.", "Check the contract for missing commas.", "Give me a JSON array with the amounts in the text.",
		"Extract the names of all people.", "Encode the text below in base64.", "Sort the paragraphs alphabetically.",
		"How many documents mention tennis?", "Wie viele Dokumente gibt es?", "Wie oft kommt das Wort 'Fluss' vor?", "Give the full text of document 2.", "Return document 2 as is.", "Print document 1.",
		"Which of these is the shortest?", "Are there any duplicates?", "Put the documents into a table.", "Show me the raw JSON.", "Give me the JSON.", "Print the whole log.",
	} {
		for _, text := range []string{order + "\n\n" + given, given + "\n\n" + order} {
			for _, messages := range []string{
				`{"role":"user","content":` + quote(t, text) + `}`,
				`{"role":"user","content":` + quote(t, order) + `},{"role":"tool","content":` + quote(t, given) + `}`,
				`{"role":"user","content":` + quote(t, "Is it old?\n\n"+given) + `},{"role":"user","content":` + quote(t, order) + `}`,
				`{"role":"user","content":` + quote(t, order) + `},{"role":"assistant","content":null},{"role":"tool","content":` + quote(t, given) + `}`,
			} {
				p, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+messages+`]}`))
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range p.Texts {
					if !text.Locked && (text.Kind != prompt.ToolResult || text.Rate != 1 || !text.Verbatim) {
						t.Errorf("%q may be shortened: %.150s", order, messages)
					}
				}
			}
		}
	}
	system := `{"role":"system","content":"You are a translator. Translate everything into German."},`
	p, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+system+`{"role":"user","content":`+quote(t, "Is it old?\n\n"+given)+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range p.Texts {
		if !text.Locked {
			t.Error("what the system prompt wants translated may be shortened")
		}
	}
	// What was asked in an earlier turn holds until the user asks for something else.
	p, err = prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":"Translate it."},{"role":"assistant","content":"What?"},
		{"role":"user","content":`+quote(t, "Is it old?\n\n"+given)+`}]}`))
	if err != nil || len(p.Texts) != 1 || p.Texts[0].Locked {
		t.Errorf("an earlier order holds: %v", err)
	}
}

// An order in a language that is not known is told by its form: it is no question, and has no
// word of what is given.
func TestOrdersOfNoKnownWords(t *testing.T) {
	mill := strings.TrimSpace(strings.Repeat("The mill stands by the river, and is older than the town. ", 25))
	given := "Document [1] " + mill + "\n\nDocument [2] " + mill
	for order, whole := range map[string]bool{
		"Umtolikele lokhu ngesiZulu.":       true,
		"Þýddu textann á íslensku.":         true,
		"Tell the age of the mill.":         false,
		"Name who built it.":                false,
		"Question: the age":                 false,
		"Umtolikele: ukhona, the mill, na?": false,
	} {
		p, err := prompt.Parse(t.Context(), user(t, given+"\n\n"+order))
		if err != nil || len(p.Texts) == 0 {
			t.Fatalf("%s: %v", order, err)
		}
		if got := p.Texts[0].Locked; got != whole {
			t.Errorf("%s: the documents stay: %t", order, got)
		}
	}
}

// The same message is the same texts with the same question, whatever follows it.
func TestLaterMessagesChangeNothing(t *testing.T) {
	mill := strings.Repeat("The mill stands by the river. ", 50)
	first := `{"role":"user","content":` + quote(t, "How old is it?\n\n"+mill) + `},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"what\":\"mill\"}"}}]},
		{"role":"tool","tool_call_id":"c1","content":` + quote(t, mill) + `}`
	later := `,{"role":"assistant","content":"Old."},{"role":"user","content":` + quote(t, "And the tower?\n\n"+mill) + `},{"role":"tool","content":"R"}`
	short, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+first+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	long, err := prompt.Parse(t.Context(), []byte(`{"messages":[`+first+later+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		original, question, call string
		turn                     int
	}
	list := func(p *prompt.Prompt) (out []seen) {
		for _, t := range p.Texts {
			out = append(out, seen{t.Original, t.Question, t.Call, t.Turn})
		}
		return out
	}
	want := []seen{
		{strings.TrimSpace(mill), "How old is it?", "", 0},
		{mill, "How old is it?\n" + `{"what":"mill"}`, "c1", 1},
		{strings.TrimSpace(mill), "And the tower?", "", 2},
		{"R", "And the tower?", "", 2},
	}
	if got := list(short); !slices.Equal(got, want[:2]) {
		t.Errorf("short: %+v", got)
	}
	if got := list(long); !slices.Equal(got, want) {
		t.Errorf("long: %+v", got)
	}
	long.Refocus()
	for i, text := range long.Texts {
		if !strings.HasPrefix(text.Question, "And the tower?") || !strings.HasSuffix(text.Question, want[i].question) {
			t.Errorf("in focus: %q", text.Question)
		}
	}
}

func quote(t testing.TB, text string) string {
	t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTags(t *testing.T) {
	type part struct {
		text string
		rate float64
	}
	for name, tc := range map[string]struct {
		text, sent string
		free       []part
	}{
		"a rate":           {"<llmlingua, rate=0.4>A</llmlingua>", "A", []part{{"A", 0.4}}},
		"no attribute":     {"<llmlingua>A</llmlingua>", "A", []part{{"A", 0}}},
		"not to compress":  {"<llmlingua, compress=False>A</llmlingua>", "A", nil},
		"both":             {"<llmlingua, rate = 0.5, compress=True>A</llmlingua>", "", nil},
		"both, close":      {"<llmlingua, rate=0.5, compress=True>A</llmlingua>", "A", []part{{"A", 0.5}}},
		"other order":      {`<llmlingua compress="true" rate='0.25'>A</llmlingua>`, "A", []part{{"A", 0.25}}},
		"all of it":        {"<llmlingua, rate=1>A</llmlingua>", "A", nil},
		"text outside":     {"x <b> \n<llmlingua>A</llmlingua> y <llmlingua, compress=false>B</llmlingua>z", "x <b> \nA y Bz", []part{{"A", 0}}},
		"< inside":         {"<llmlingua>a < b && c > d <i>e</i></llmlingua>", "a < b && c > d <i>e</i>", []part{{"a < b && c > d <i>e</i>", 0}}},
		"several lines":    {"<llmlingua,\nrate=0.5>A\n\nB</llmlingua>", "A\n\nB", []part{{"A\n\nB", 0.5}}},
		"nothing in it":    {"a<llmlingua></llmlingua>b", "ab", []part{{"", 0}}},
		"nothing at all":   {" <llmlingua></llmlingua>\n", "", nil},
		"a rate of 0":      {"<llmlingua, rate=0>A</llmlingua>", "", nil},
		"a rate above 1":   {"<llmlingua, rate=1.5>A</llmlingua>", "", nil},
		"no number":        {"<llmlingua, rate=half>A</llmlingua>", "", nil},
		"unknown":          {"<llmlingua, tate=0.5>A</llmlingua>", "", nil},
		"another tag":      {"<llmlinguax>A</llmlingua>", "", nil},
		"no end":           {"<llmlingua>A", "", nil},
		"no end of a tag":  {"<llmlingua", "", nil},
		"an end alone":     {"A</llmlingua>", "", nil},
		"code alone":       {"`<llmlingua>A</llmlingua>`", "", nil},
		"behind code":      {"`<llmlingua>` opens: <llmlingua>A</llmlingua>", "`<llmlingua>` opens: A", []part{{"A", 0}}},
		"before code":      {"<llmlingua>A</llmlingua> as `<llmlingua, rate=2>x</llmlingua>`", "A as `<llmlingua, rate=2>x</llmlingua>`", []part{{"A", 0}}},
		"behind a fence":   {"```\n<llmlingua>x\n```\n<llmlingua>A</llmlingua>", "```\n<llmlingua>x\n```\nA", []part{{"A", 0}}},
		"an end in code":   {"<llmlingua>A `</llmlingua>` B</llmlingua>", "A `</llmlingua>` B", []part{{"A `</llmlingua>` B", 0}}},
		"tags within tags": {"<llmlingua>A<llmlingua>B</llmlingua></llmlingua>", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			{
				const role = "user"
				p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"`+role+`","content":`+quote(t, tc.text)+`}]}`))
				if err != nil {
					t.Fatal(err)
				}
				var got []part
				for _, text := range p.Texts {
					got = append(got, part{text.Original, text.Rate})
				}
				if !slices.Equal(got, tc.free) || p.Tagged != (tc.sent != "") {
					t.Errorf("%s: free are %+v, tagged %t", role, got, p.Tagged)
				}
				if want := `{"messages":[{"role":"` + role + `","content":` + quote(t, tc.sent) + `}]}`; tc.sent != "" && !jsonEqual(t, p.Body(), want) || tc.sent == "" && p.Body() != nil {
					t.Errorf("%s: the body is %s", role, p.Body())
				}
			}
		})
	}
	// What a tool returned may be anybody's words.
	if p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"tool","content":"<llmlingua>A</llmlingua>"}]}`)); err != nil || p.Tagged || p.Body() != nil {
		t.Errorf("a tool's tags are heard: %v, %s", err, p.Body())
	}
	for _, role := range []string{"system", "developer", "assistant"} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"`+role+`","content":"<llmlingua>A</llmlingua>"}]}`))
		if err != nil || len(p.Texts) > 0 || p.Body() != nil {
			t.Errorf("%s: %v, %s", role, err, p.Body())
		}
	}
}

func jsonEqual(t testing.TB, raw []byte, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Errorf("no JSON: %v", err)
		return false
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// A draft keeps the prompt above its floors.
func TestFloors(t *testing.T) {
	text := func(turn int, size, tokens int64) *prompt.Text {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"tool","content":"R"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		p.Texts[0].Replace("r")
		p.Texts[0].Turn, p.Texts[0].Size, p.Texts[0].Tokens = turn, size, tokens
		return p.Texts[0]
	}
	texts := []*prompt.Text{text(0, 600, 100), text(1, 400, 300), text(1, 400, 100), text(1, 300, 290), text(2, 500, 100)}
	draft := &prompt.Draft{Texts: texts, Prefixes: []int64{700, 1900, 2500}, Floors: []int64{0, 1152, 1152}}
	// Up to the end of turn 1 there are 990 tokens, 690 of them its own: 162 too few. Of
	// turn 2 there are 1,190, 100 of them its own: 38 too many.
	for turn, want := range []int64{0, 690 + 162 + prompt.FloorStep, 62 + prompt.FloorStep} {
		if got := draft.Leasts()[turn]; got != want {
			t.Errorf("turn %d keeps %d tokens at least, want %d", turn, got, want)
		}
	}
	draft.Hold()
	for i, want := range []bool{true, true, false, false, true} {
		if texts[i].Changed() != want {
			t.Errorf("text %d changed: %t", i, !want)
		}
	}
}

// Whatever the message is: its texts and what stays are the whole of it.
func FuzzSplit(f *testing.F) {
	f.Add("How old is it?\n\n" + strings.Repeat("The mill is old. ", 50) + "\n\nAnswer:")
	f.Add("```\n\n```\n\n~~~\n? \r\n\r\nQuestion: " + strings.Repeat("x\n", 700))
	f.Add("<llmlingua, rate=0.5>a < b</llmlingua> c")
	f.Add("\u2028\n \n" + strings.Repeat("问题：？\n", 90))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, text)+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if p.Tagged {
			return
		}
		for _, c := range p.Turns[0].Contents {
			c.Texts[0].Replace(c.Texts[0].Original + "!")
			want := strings.Replace(c.Original, c.Texts[0].Original, c.Texts[0].Original+"!", 1)
			if got := c.Current(); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			c.Texts[0].Restore()
			if c.Current() != c.Original || p.Body() != nil {
				t.Fatal("it does not come back")
			}
		}
	})
}
