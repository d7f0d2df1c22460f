package veto_test

import (
	"testing"

	"tollgate.dev/services/cache/reading"
	"tollgate.dev/services/cache/veto"
)

func TestPersonal(t *testing.T) {
	for _, c := range []struct {
		of    string
		texts []string
		is    bool
	}{
		{"what one did, and what happened to one", []string{
			"Why did they fire me?", "What did he tell me?", "Why was I fired?", "Where have I parked?", "Who has called me?",
			"Who hired us?", "When was I born?", "Why have they blocked me?",
		}, true},
		{"what holds of a person", []string{
			"What do I owe?", "How much do I weigh?", "Which team do I belong to?", "What do I look like?", "Where do I work?",
			"What do I think of jazz?", "Which bands do I like?",
			"What do I have?", "I have a cold, what helps?",
		}, true},
		{"what somebody does to one", []string{"Why is he ignoring me?", "Does she love me?", "Does the boss like me?", "Do people hate me?", "Why do they hate us?"}, true},
		{"what anybody does, needs and must", []string{
			"How do I bake bread?", "What do I need for a visa?", "Do I need a visa for Vietnam?", "Do I have to soak beans?",
			"How long do I have to boil an egg?", "How do I live longer?", "How do I think clearly?", "What do I look for in a used car?",
			"Should I have breakfast?", "If I have to wait, what is the limit?",
		}, false},
		{"what is asked of who answers", []string{
			"Tell me about Rome", "Let me know how bread is made", "Can you show me a knot?", "Recommend me a book",
			"Is it possible to teach me chess?",
		}, false},
		{"what anybody may meet", []string{
			"Can the police search me without a warrant?", "What will help me sleep?", "Why does coffee make me tired?", "What do people like me eat?",
			"What did Rome leave us?", "Why do I get hiccups?",
		}, false},
	} {
		for _, text := range c.texts {
			rule, unfit := veto.Unfit(reading.Read(text))
			if unfit != c.is || unfit && rule != "personal" {
				t.Errorf("%s: %s: got %q", c.of, text, rule)
			}
		}
	}
}
