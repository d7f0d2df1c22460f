package veto_test

import "testing"

// What stands on the other side counts wherever it stands, in the same frame or another.
func TestOpposed(t *testing.T) {
	check(t, "opposites", []pair{
		{"How do I turn left in a sim?", "What is the best way to turn right in a sim?"},
		{"What is an inner join?", "Explain what an outer join does"},
		{"How do I read a file in Rust?", "What is the best way to write a file in Rust?"},
		{"What causes scurvy?", "How can scurvy be prevented?"},
		{"What cures scurvy?", "What prevents scurvy?"},
		{"How do I commit a transaction?", "How do I roll back a transaction?"},
		{"How do I freeze bread?", "What is the best way to thaw bread?"},
		{"What is a train set?", "What is a test set?"},
		{"What rights does a buyer have in Spain?", "What are the rights of a seller in Spain?"},
		{"What does the landlord pay for?", "What must a tenant pay for?"},
		{"Is a proton charged?", "Is an electron charged?"},
		{"Where can I find the latitude of a city?", "How do I find a city's longitude?"},
		{"What is a call option?", "What is a put option?"},
		{"What is a hyperlocal market?", "What is a hypolocal market?"},
		{"Is an intramolecular bond strong?", "Is an intermolecular bond strong?"},
		{"How do I avoid overfitting in a model?", "How can I avoid underfitting in models?"},
		{"What is macroeconomics about?", "What is microeconomics about?"},
		{"How do I unzip a folder?", "What is the best way to zip a folder?"},
		{"What is a synchronous call?", "What is an asynchronous call?"},
		{"What does the sympathetic system do?", "What does the parasympathetic system do?"},
		{"How do I interview a host?", "How do I interview a hostess?"},
	}, []pair{
		{"How can I be a tidy person?", "How can I be a person who is not untidy?"},
		{"What does a buyer tell a seller?", "What does a buyer say to a seller?"},
		{"How many days are left in May?", "how many days are left in May please"},
		{"How do I read a book faster?", "How can I read books faster?"},
		{"Is over-fitting bad?", "Is overfitting bad?"},
		{"What is the right way to prune roses?", "What is the best way to prune roses?"},
	})
}
