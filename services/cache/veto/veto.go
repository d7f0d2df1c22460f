// Package veto says of two prompts that seem alike why an answer to one must not be served for
// the other: what an embedding hardly sees, such as another number, a negation, or who did what
// to whom. It can only refuse; that nothing is vetoed doesn't mean that two prompts ask the same.
package veto

import (
	"tollgate.dev/services/cache/reading"
)

// Finding is why two prompts are held apart.
type Finding struct {
	// Rule is the name of the rule, one of [Rules].
	Rule string
	// A and B are the words of each prompt that differ; one may be empty. They are parts of
	// prompts, and belong into no log.
	A, B string
}

// rule is one reason. It looks at a pair from both sides; which is a and which is b makes no
// difference to whether it finds something.
type rule struct {
	name  string
	check func(p *pair) (a, b string, found bool)
}

// rules in the order in which they are asked: first those that read single words, then those
// that need the structure. To add a rule, write a file with its function and its test, and
// a line here.
var rules = []rule{
	{"unread", unread},
	{"numbers", numbers},
	{"units", units},
	{"bounds", bounds},
	{"dates", dates},
	{"symbols", symbols},
	{"quotes", quotes},
	{"negation", negation},
	{"opposites", opposites},
	{"direction", direction},
	{"particle", particle},
	{"preposition", preposition},
	{"condition", condition},
	{"names", names},
	{"capitals", capitals},
	{"commas", commas},
	{"owner", owner},
	{"person", person},
	{"quantity", quantity},
	{"articles", articles},
	{"focus", focus},
	{"grade", grade},
	{"asked", asked},
	{"tense", tense},
	{"aspect", aspect},
	{"roles", roles},
	{"grown", grown},
	{"caused", caused},
	{"governed", governed},
	{"modified", modified},
	{"bracketed", bracketed},
	{"participle", participle},
	{"choice", choice},
	{"replaced", replaced},
	{"added", added},
	{"exchanged", exchanged},
}

// Rules are the names of the rules that [Check] knows, in order.
func Rules() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

// Check reports the first rule that holds the two apart. It is symmetric but for A and B of
// what it finds, and never holds a text apart from itself.
func Check(a, b *reading.Reading) (Finding, bool) {
	if a.Manner == b.Manner && a.Text == b.Text {
		return Finding{}, false
	}
	if slipped(a, b) {
		return Finding{}, false
	}
	if all := found(a, b, true); len(all) > 0 {
		return all[0], true
	}
	// How two prompts are laid side by side may depend on which comes first.
	if all := found(b, a, true); len(all) > 0 {
		return all[0].turned(), true
	}
	return Finding{}, false
}

// turned is what is found with the prompts in the other order.
func (f Finding) turned() Finding { return Finding{Rule: f.Rule, A: f.B, B: f.A} }

// found are what the rules find with the prompts in that order, or the first of it.
func found(a, b *reading.Reading, one bool) (all []Finding) {
	p := match(a, b)
	for _, r := range rules {
		if x, y, found := r.check(p); found {
			all = append(all, Finding{Rule: r.name, A: x, B: y})
			if one {
				return all
			}
		}
	}
	return all
}

// All reports every rule that holds the two apart.
func All(a, b *reading.Reading) []Finding {
	if a.Manner == b.Manner && a.Text == b.Text {
		return nil
	}
	if slipped(a, b) {
		return nil
	}
	all := found(a, b, false)
	if len(all) == 0 {
		for _, f := range found(b, a, false) {
			all = append(all, f.turned())
		}
	}
	return all
}
