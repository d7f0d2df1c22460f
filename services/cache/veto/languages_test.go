package veto

import (
	"strings"
	"testing"

	"tollgate.dev/services/cache/reading"
)

func TestUnfitInOtherLanguages(t *testing.T) {
	for _, c := range []struct{ text, rule string }{
		{"Wie ist mein Kontostand?", "personal"},
		{"Wie hoch sind unsere Ausgaben?", "personal"},
		{"Bin ich berechtigt?", "personal"},
		{"Ich habe Fieber, was hilft?", "personal"},
		{"Wie wird das Wetter morgen?", "time"},
		{"Was ist die aktuelle Version?", "time"},
		{"Wer hat letzte Woche gewonnen?", "time"},
		{"Wetter heute", "time"},
		{"Quel est mon solde ?", "personal"},
		{"J’ai de la fièvre, que faire ?", "personal"},
		{"Qui a gagné aujourd'hui ?", "time"},
		{"Quel temps fait-il à Lyon ?", "time"},
		{"¿Cuál es mi saldo?", "personal"},
		{"¿Le debo algo?", "personal"},
		{"¿Qué tiempo hace hoy?", "time"},
		{"Que hora es en Lima?", "time"},
		{"¿Quién ganó el año pasado?", "time"},
		{"Qual é o meu saldo?", "personal"},
		{"Tenho febre, o que faço?", "personal"},
		{"Quem ganhou ontem?", "time"},
		{"Que horas são?", "time"},
		{"Qual è il mio saldo?", "personal"},
		{"Che tempo fa a Roma?", "time"},
		{"Chi ha vinto ieri?", "time"},
		{"Wat is mijn saldo?", "personal"},
		{"Ben ik verzekerd?", "personal"},
		{"Wat is het weer vandaag?", "time"},
		{"Wie won vorig jaar?", "time"},
		{"Какой у меня баланс?", "personal"},
		{"Где мой заказ?", "personal"},
		{"Какая сегодня погода?", "time"},
		{"Кто победил в прошлом году?", "time"},
		{"我的余额是多少？", "personal"},
		{"今天天气怎么样？", "time"},
		{"現在幾點？", "time"},
		{"私の残高はいくらですか？", "personal"},
		{"今日の天気は？", "time"},
		{"先週誰が勝ちましたか？", "time"},
		{"내 잔액이 얼마예요?", "personal"},
		{"우리의 주문은 어디에 있나요?", "personal"},
		{"오늘 날씨 어때요?", "time"},
		{"다음 주에 누가 와요?", "time"},

		{"Wie hoch ist der Eiffelturm und wo steht er?", ""},
		{"Wie koche ich den Reis?", ""},
		{"Was ist ein Meineid?", ""},
		{"Comment faire cuire le riz ?", ""},
		{"Quelle est la capitale du Pérou ?", ""},
		{"¿Cómo se cocina el arroz?", ""},
		{"¿Cuál es la capital del Perú?", ""},
		{"Como se faz o arroz?", ""},
		{"Come si cucina il riso?", ""},
		{"Qual è la capitale del Perù?", ""},
		{"Hoe kook ik de rijst?", ""},
		{"Как варить рис?", ""},
		{"Какова столица Перу?", ""},
		{"东京的人口是多少？", ""},
		{"東京の人口は？", ""},
		{"도쿄의 인구는?", ""},
		{"제주도의 나무는 무엇인가요?", ""},
		{"Noticias de hoy", "time"},
		{"¿Me queda saldo?", "personal"},
		{"Quanti soldi ho?", "personal"},
		{"Quem sou eu?", "personal"},
		{"Mijn bestelling", "personal"},
		{"Mes achats", "personal"},
		{"CI pipeline", ""},
		{"Ho Chi Minh", ""},
	} {
		for _, text := range []string{c.text, strings.ToUpper(c.text), strings.ToLower(c.text), " " + strings.ReplaceAll(c.text, " ", "  ")} {
			if rule, unfit := Unfit(reading.Read(text)); rule != c.rule || unfit != (c.rule != "") {
				t.Errorf("%s: got %q, want %q", text, rule, c.rule)
			}
		}
	}
}

// Texts that are not read as prose speak of these as others do.
func TestUnfitWhereNothingWasRead(t *testing.T) {
	for _, c := range []struct{ text, rule string }{
		{"Answer in one line.\nWhat is my balance?", "personal"},
		{"Answer in one line.\nWhat is the weather like?", "time"},
		{"I'm ill.\nWhat helps?", "personal"},
		{"Who won last week?\nTell the score.", "time"},
		{"Translate to German: I have a dog", "personal"},
		{strings.Repeat("Oslo is a town. ", 50) + "Who won today?", "time"},
		{"Answer in one line.\nWhat is the capital of Peru?", ""},
		{"Translate to German: the dog", ""},
	} {
		if rule, unfit := Unfit(reading.Read(c.text)); rule != c.rule || unfit != (c.rule != "") {
			t.Errorf("%.60q: got %q, want %q", c.text, rule, c.rule)
		}
	}
}

func TestTheListsAreWellFormed(t *testing.T) {
	d, err := deictics()
	if err != nil {
		t.Fatal(err)
	}
	if len(d.spaced) < 300 || len(d.begins) < 30 || len(d.within) < 60 {
		t.Errorf("%d, %d and %d phrases were read", len(d.spaced), len(d.begins), len(d.within))
	}
	for _, broken := range []string{"person: my", "time: now, , then"} {
		if err := d.read(broken); err == nil {
			t.Errorf("%q is read", broken)
		}
	}
}
