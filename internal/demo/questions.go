package demo

import "github.com/cuelight/cuelight/interact"

// Questions returns the demo's questions in the order in which they are taken:
// a poll, then trivia, and so on.
func Questions() []interact.Question {
	return []interact.Question{
		poll("What makes a live show worth watching live?", "The picture", "The sound", "Not knowing the end", "Watching together"),
		trivia("How far does light travel in a millisecond?", 2, "About 3 km", "About 30 km", "About 300 km", "About 3,000 km"),
		poll("When is the light best?", "Sunrise", "Noon", "The last hour of sun", "Blue hour"),
		trivia("Red and green light shine on the same white wall. What do you see?", 1, "Brown", "Yellow", "Blue", "Purple"),
		poll("Who would you like to shadow for a day?", "Camera operator", "Sound mixer", "Vision mixer", "Film editor"),
		trivia("How many frames a second do most cinema films run at?", 1, "16", "24", "30", "60"),
		poll("Subtitles?", "Always", "For other languages", "When it is loud", "Never"),
		trivia("What does the clap of a clapperboard make easy?", 0, "Lining up sound and picture", "Setting the exposure", "Waking the crew", "Counting the audience"),
		trivia("The SI second is defined by the atoms of which element?", 3, "Hydrogen", "Silicon", "Gold", "Caesium"),
		poll("What do you trust for the time?", "My phone", "My watch", "The kitchen clock", "The sun"),
		trivia("How fast is sound in air at room temperature?", 1, "About 34 m/s", "About 343 m/s", "About 1,480 m/s", "About 5,100 m/s"),
		trivia("In what year did the Lumière brothers first show films to a paying public in Paris?", 1, "1879", "1895", "1908", "1919"),
		poll("Black and white, or colour?", "Black and white", "Colour", "Whatever suits the story"),
		trivia("In what year was the first leap second added to UTC?", 1, "1960", "1972", "1984", "2000"),
	}
}

func poll(title string, options ...string) interact.Question {
	return interact.Question{Kind: interact.KindPoll, Title: title, Options: options, Correct: -1}
}

func trivia(title string, correct int, options ...string) interact.Question {
	return interact.Question{Kind: interact.KindTrivia, Title: title, Options: options, Correct: correct}
}
