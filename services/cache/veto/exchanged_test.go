package veto_test

import "testing"

func TestExchanged(t *testing.T) {
	check(t, "exchanged", []pair{
		{"Did Alice sue Bob?", "Did Bob sue Alice?"},
		{"Is every square a rectangle?", "Is every rectangle a square?"},
		{"Does smoking cause cancer?", "Does cancer cause smoking?"},
		{"What can kill bears?", "What can bears kill?"},
		{"USD EUR", "EUR USD"},
		{"Can Tom Smith beat Ann Lee?", "Can Ann Lee beat Tom Smith?"},
		{"Why does nobody like everyone?", "Why does everyone like nobody?"},
		{"Who is the attorney general?", "Who is the general attorney?"},
		{"What is a secretary general?", "What is a general secretary?"},
		{"How much is a us dollar in canadian dollars?", "How much is a canadian dollar in us dollars?"},
		{"How many euros is a pound?", "How many pounds is a euro?"},
		{"What is a list of tuples?", "What is a tuple of lists?"},
	}, []pair{
		{"Did Anna marry Tom?", "Did Tom marry Anna?"},
		{"Is Tom a nurse or a baker?", "Is Tom a baker or a nurse?"},
		{"What is the difference between tea and coffee?", "What is the difference between coffee and tea?"},
		{"How can I quickly learn Go?", "How can I learn Go quickly?"},
		{"Who makes big red cars?", "Who makes red big cars?"},
		{"Is Python or Java faster?", "Is Java or Python faster?"},
		{"Flights from Rome to Paris", "Flights to Paris from Rome"},
		{"Who helps us most?", "Who helps us the most?"},
	})
}
