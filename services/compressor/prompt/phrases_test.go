package prompt_test

import (
	"testing"

	"tollgate.dev/services/compressor/prompt"
)

// A system prompt asks for every word where it orders so, not where it forbids it, or only names
// such things.
func TestOrdersOfASystemPrompt(t *testing.T) {
	for said, all := range map[string]bool{
		"You are a translator.":                                  true,
		"Translate all that the user says into German.":          true,
		"Your task is to proofread letters.":                     true,
		"You rewrite adverts. Do not change the prices.":         true,
		"Do not translate names, but translate the rest.":        true,
		"Do not just summarize: rewrite it.":                     true,
		"Never forget to paraphrase.":                            true,
		"Do not only translate.":                                 true,
		"Why not translate what is foreign?":                     true,
		"Quote the law word for word.":                           true,
		"Leave nothing out.":                                     true,
		"Übersetze jede Nachricht.":                              true,
		"Traduis chaque message.":                                true,
		"Traduce cada mensaje.":                                  true,
		"Переведи каждое сообщение.":                             true,
		"把每条消息翻译成英文。":                                            true,
		"Do not translate names.":                                false,
		"Never rewrite the user's files unless asked.":           false,
		"You must not paraphrase.":                               false,
		"Answer without rephrasing the question.":                false,
		"Transcripts of talks are found by the tool talks.":      false,
		"Translations are in the folder locale.":                 false,
		"Bitte nicht übersetzen.":                                false,
		"No traduzcas los nombres.":                              false,
		"Не переводи имена.":                                     false,
		"不要翻译名字。":                                                false,
		"You help travellers. Be kind, and improve their plans.": false,
		"The translatory force is that of the wheel.":            false,
	} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"system","content":`+quote(t, said)+`},{"role":"user","content":"How old is it?"},{"role":"tool","content":"R"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Texts[0].Verbatim; got != all {
			t.Errorf("%q: every word is wanted: %t", said, got)
		}
	}
}

// Phrases are whole words: what merely has their letters asks for nothing.
func TestPhrasesAreWholeWords(t *testing.T) {
	for question, all := range map[string]bool{
		"Give me document 2 as is.":                   true,
		"Give me the page as-is, please.":             true,
		"How does it end, as is the custom?":          false,
		"Was ist das Rad?":                            false,
		"When was Israel there?":                      false,
		"Which permit was issued?":                    false,
		"Who has issue 4?":                            false,
		"Who gets the credit then?":                   false,
		"When was the barn converted?":                false,
		"Who improved it?":                            false,
		"Who is the Polish president?":                false,
		"Which county was the discount for?":          false,
		"Who recopied the map, and prefixed the date": false,
		"Polish my letter.":                           true,
		"Which typos has it?":                         true,
	} {
		p, err := prompt.Parse(t.Context(), []byte(`{"messages":[{"role":"user","content":`+quote(t, question)+`},{"role":"tool","content":"R"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Texts[0].Verbatim; got != all {
			t.Errorf("%q: every word is wanted: %t", question, got)
		}
	}
}
