package reading

import "testing"

func TestCast(t *testing.T) {
	for text, want := range map[string]bool{
		"How do you reset a router?":                                       false,
		"My router is slow. How do you reset it?":                          false,
		"What happens if you are late for a flight?":                       false,
		"How do you fix a fence, please?":                                  false,
		"How do you brush your teeth?":                                     false,
		"Do you know how to fix a fence?":                                  false,
		"You are a technician. How do you reset a router?":                 true,
		"you're an expert gardener, how do you prune roses":                true,
		"Act as a carpenter. How do you build a shed?":                     true,
		"Pretend to be a pirate. How do you tie a knot?":                   true,
		"Imagine you own a bakery. How do you bake bread?":                 true,
		"As a nurse, how do you lift a patient?":                           true,
		"How do you, as a lawyer, win a case?":                             true,
		"How do you reset a router? Answer like a pirate.":                 true,
		"Since you are a doctor, how do you set a bone?":                   true,
		"Your name is Max. How do you fix a fence?":                        true,
		"In your experience, how do you find a tailor?":                    true,
		"How do you fix a fence at your company?":                          true,
		"Doctor, how do you remove a splinter?":                            true,
		"How do you remove a splinter, doctor?":                            true,
		"Hi Siri, how do you reset a router?":                              true,
		"Dear support team, how do you reset a router?":                    true,
		"Be my coach. How do you run a marathon?":                          true,
		"I want you to play the role of a chef. How do you cut an onion?":  true,
		"Consider yourself a plumber. How do you fix a leak?":              true,
		"From now on you are my lawyer and I ask how you win a case":       true,
		"Suppose that you run a garage. How do you change the tires?":      true,
		"How do you reset a router? Respond as our network administrator.": true,
	} {
		r := ReadBare(text)
		if r.Cast != want || !r.Bare {
			t.Errorf("%q: %v", text, r.Cast)
		}
		if r := Read(text); r.Bare || r.Cast {
			t.Errorf("%q is bare", text)
		}
	}
}
