package veto_test

import "testing"

func TestNames(t *testing.T) {
	check(t, "names", []pair{
		{"What is the capital of Chad?", "What is the capital of Mali?"},
		{"Is Anna Reyes a nurse?", "Is Maria Reyes a nurse?"},
		{"how to install numpy", "how to install scipy"},
		{"How do I earn money in Kenya?", "How do I earn money?"},
		{"How do I polish a table?", "How do I Polish a table?"},
		{"What is china made of?", "What is China made of?"},
		{"How is bxd3 met?", "How is Bxd3 met?"},
		{"What is the New York of Africa?", "What is the York of Africa?"},
		{"Who is Robert?", "Who is Roberts?"},
		{"who was edward", "who was edwards"},
		{"who is woods", "who is wood"},
		{"Where is Athen?", "Where is Athens?"},
		{"Who is Steve Jobs?", "Who is Steve Job?"},
		{"Tell me about Rogers", "Tell me about Roger"},
		{"Where does Simpson live?", "Where does Simpsons live?"},
		{"Is Wendy good?", "Is Wendys good?"},
		{"What does Field sell?", "What does Fields sell?"},
		{"What does setName return?", "What does setname return?"},
		{"How do I log in userService?", "how do i log in userservice"},
	}, []pair{
		{"How do I use GitHub?", "how do i use github"},
		{"How do I reset an iPhone?", "how do i reset an iphone"},
		{"How do I update macOS?", "how do i update macos"},
		{"What is Newton's law?", "what is newtons law"},
		{"What does a Toyota cost?", "What do Toyotas cost?"},
		{"What are iPhones?", "What is an iPhone?"},
		{"What is the best Toyota?", "What are the best Toyotas?"},
		{"Are Germans punctual?", "Is a German punctual?"},
		{"Who is the best painter?", "Who are the best painters?"},
		{"How do I use Docker Containers?", "How do I use a Docker container?"},
		{"what is newtons first law", "What is Newton's first law?"},
		{"what are blogs", "what is a blog"},
		{"How does rubber tire wear?", "How do rubber tires wear?"},
		{"How do I sell Toyota cars?", "How do I sell Toyotas cars?"},
		{"How do I reverse a list in Python?", "how do i reverse a list in python"},
		{"Who is Trump?", "Who is Donald Trump?"},
		{"How is the Indian economy?", "How is the economy of India?"},
	})
}
