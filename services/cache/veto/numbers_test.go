package veto_test

import "testing"

func TestNumbers(t *testing.T) {
	check(t, "numbers", []pair{
		{"Who won the cup in 2022?", "Who won the cup in 2023?"},
		{"What is 5 plus 7?", "What is 5 plus 8?"},
		{"List ten rivers", "List twelve rivers"},
		{"Population of Rome in 1900", "Population of Rome in 1950"},
		{"What is 7 - 2?", "What is 2 - 7?"},
		{"What is 7 minus 2?", "What is 2 minus 7?"},
		{"What is x / y?", "What is y / x?"},
		{"Subtract 5 from 9", "Subtract 9 from 5"},
		{"A flat with 3 rooms and 2 baths", "A flat with 2 rooms and 3 baths"},
		{"Top 5 films of Hitchcock", "Top 10 films of Hitchcock"},
		{"What is new in Go 1.2?", "What is new in Go 1.20?"},
		{"Does numpy need Python 3.10?", "Does numpy need Python 3.1?"},
		{"What is the third largest lake in Chad?", "What is the largest third lake in Chad?"},
		{"Who wrote the first essay on chess?", "Who wrote the essay on first chess?"},
		{"Is the second largest lake deep?", "Is the largest second lake deep?"},
		{"Who was the last king but one?", "Who was the last king?"},
	}, []pair{
		{"How far is 2.50 km?", "How far is 2.5 km?"},
		{"Is USB 2.0 slow?", "Is USB 2 slow?"},
		{"What is the third largest lake in Chad?", "What is Chad's third largest lake?"},
		{"What is the second largest lake in Chad?", "What is Chad's second largest lake?"},
		{"List ten rivers", "List 10 rivers"},
		{"How far is 1,000 km?", "How far is 1000 km?"},
		{"World War III", "World War 3"},
		{"What is 7 + 2?", "What is 2 + 7?"},
		{"Sum of 3, 4 and 5", "Sum of 5, 4 and 3"},
		{"A flat with 3 rooms and 2 baths", "A flat with 2 baths and 3 rooms"},
		{"What happened on 12 May 1975?", "What happened on May 12, 1975?"},
		{"the best camera", "the 5 best cameras"},
	})
}
