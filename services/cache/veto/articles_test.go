package veto_test

import "testing"

func TestArticles(t *testing.T) {
	check(t, "articles", []pair{
		{"Why do a number of geese hiss?", "Why do the number of geese hiss?"},
		{"What limits a number of nodes?", "What limits the number of nodes?"},
		{"Does a variety of bees matter?", "Does the variety of bees matter?"},
		{"Can I boil an egg in a minute?", "Can I boil an egg in minutes?"},
		{"How do I lose a pound?", "How do I lose pounds?"},
		{"Is a village an hour away?", "Is a village hours away?"},
		{"What does the economist predict?", "What does an economist predict?"},
		{"Who reads the guardian?", "Who reads a guardian?"},
		{"How old is the pope?", "How old is a pope?"},
		{"Who is the chef?", "Who is a chef?"},
		{"What is the matrix?", "What is a matrix?"},
		{"How do I install pandas?", "How do I install panda?"},
		{"How do I use glob in node?", "How do I use globs in node?"},
		{"What is a cork?", "What is cork?"},
		{"who directed the heat", "who directed heat"},
		{"How do I fetch and rebase a branch?", "How do I rebase and fetch a branch?"},
		{"What happens when I commit and push?", "What happens when I push and commit?"},
		{"Is it pizza and pasta with cheese?", "Is it pasta and pizza with cheese?"},
		{"What is in front of a house?", "What is in the front of a house?"},
		{"Who leads the Labour Party?", "Who leads the Labor Party?"},
		{"How do I read a gas meter?", "How do I read a gas metre?"},
		{"Which regex finds flavor?", "Which regex finds flavour?"},
		{"How do I resize a photo in canva?", "How do I resize a photo in canvas?"},
	}, []pair{
		{"How do I start a business?", "How do I start businesses?"},
		{"How is an economist paid?", "How is the economist paid?"},
		{"What does the liver do?", "What does a liver do?"},
		{"How many chambers does the heart have?", "How many chambers does a heart have?"},
		{"What is the role of the teacher?", "What is the role of a teacher?"},
		{"What is the number of protons?", "What is the number of the protons?"},
		{"How do I bake a cake in 5 minutes?", "How do I bake cakes in 5 minutes?"},
		{"How many minutes are in an hour?", "How many minutes are there in an hour?"},
		{"Can a flight take some hours?", "Can flights take some hours?"},
		{"What is an hour rate?", "What is the hour rate?"},
		{"Is Jane a nurse and an actress?", "Is Jane an actress and a nurse?"},
		{"How do I play smoothly and easily?", "How do I play easily and smoothly?"},
		{"Is the harbour deep?", "Is the harbor deep?"},
		{"What are the exact taskx of a judge?", "What are the exact tasks of a judge?"},
		{"Does soup need garlic and onions?", "Does soup need onions and garlic?"},
	})
}
