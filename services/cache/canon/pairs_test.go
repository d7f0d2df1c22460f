package canon_test

import "testing"

// Two things may change places beside "and" and "or" where nothing depends on their order.
func TestPairs(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Does soup need garlic and onions?", "Does soup need onions and garlic?", true},
		{"Is Nadia a nurse or a baker?", "Is Nadia a baker or a nurse?", true},
		{"Do wolves and bears hunt?", "Do bears and wolves hunt?", true},
		{"Are wolves and bears related?", "Are bears and wolves related?", false}, // a miss, and no harm
		{"How do lemons and limes differ?", "How do limes and lemons differ?", true},
		{"What is the difference between lemons and limes?", "What is the difference between limes and lemons?", true},
		{"What is the difference between 12 and 30?", "What is the difference between 30 and 12?", false},
		{"What is the difference of 12 and 30?", "What is the difference of 30 and 12?", false},
		{"Do I want soup or bread and butter?", "Do I want bread or soup and butter?", false},
		{"Does it come with bread and soup or salad?", "Does it come with soup and bread or salad?", false},
		{"How do I wash and dry wool?", "How do I dry and wash wool?", false},
		{"How do I fetch and merge?", "How do I merge and fetch?", false},
		{"Should I sand and paint?", "Should I paint and sand?", false},
		{"Is washing and drying slow?", "Is drying and washing slow?", false},
		{"What is the train between Rome and Oslo?", "What is the train between Oslo and Rome?", false},
		{"What is the ratio for flour and water?", "What is the ratio for water and flour?", false},
		{"What is the vector of P and Q?", "What is the vector of Q and P?", false},
		{"Is it toast and eggs with ham?", "Is it eggs and toast with ham?", false},
		{"Are there owls and bats that swim?", "Are there bats and owls that swim?", false},
		{"Does he sell shirts and shoes for children?", "Does he sell shoes and shirts for children?", false},
		{"Say north and south", "Say south and north", false},
		{"Write lemon and lime", "Write lime and lemon", false},
		{"Is it Tom Zeller and Ann Moss?", "Is it Tom Ann and Zeller Moss?", false},
	} {
		served(t, c.a, c.b, c.want)
	}
}
