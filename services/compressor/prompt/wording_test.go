package prompt_test

import (
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A question about a text as a text takes all of it: left out, another sentence is the last.
func TestQuestionsAboutTheWording(t *testing.T) {
	for question, all := range map[string]bool{
		"What is the last sentence of the text?":          true,
		"What is the third word of the second paragraph?": true,
		"Which sentences are in the passive voice?":       true,
		"What stands in the 3rd line?":                    true,
		"Read me paragraph 4, please.":                    true,
		"What is the title of the second section?":        true,
		"What are the first few words?":                   true,
		"Which letters has the longest word?":             true,
		"Which adjectives are used?":                      true,
		"How does the text begin?":                        true,
		"What lines rhyme?":                               true,
		"Wie lautet der letzte Satz?":                     true,
		"Was steht im zweiten Absatz?":                    true,
		"Quelle est la dernière phrase ?":                 true,
		"Quel est le paragraphe troisième du texte ?":     true,
		"¿Cuál es la última palabra?":                     true,
		"Какое слово последнее, и какое последнее предложение?": true,
		"最后一句是什么？":                                           true,
		"最後の文は何ですか？":                                         true,
		"How old is the mill?":                               false,
		"Who was the last owner, in other words?":            false,
		"When did he serve his sentence?":                    false,
		"What is the first of the mills?":                    false,
		"Which line goes to Arden?":                          false,
		"What does section 4 say of the weir?":               false,
		"Cite a source behind each sentence. How old is it?": false,
		"Who wrote the letter to Anna?":                      false,
		"Wann wurde die Mühle gebaut?":                       false,
	} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, question)+`},{"role":"tool","content":"The mill is old."}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Texts[0].Verbatim; got != all {
			t.Errorf("%q: all of it is wanted: %t", question, got)
		}
	}
}
