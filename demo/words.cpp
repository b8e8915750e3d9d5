#include "demo/words.h"

#include <array>

namespace kvcompare::demo {
namespace {

// Makes one array from a list of words.
template <class... Word>
constexpr std::array<std::string_view, sizeof...(Word)> list(Word... words) {
  return {std::string_view(words)...};
}

constexpr auto kNames = list(
    "Ada", "Alba", "Amos", "Anna", "Arlo", "Asta", "Axel", "Bela", "Beth", "Bodo", "Boris", "Brian", "Carl",
    "Cleo", "Cora", "Cyril", "Dana", "Dario", "Dora", "Edda", "Edgar", "Elsa", "Emil", "Enzo", "Erik", "Esme",
    "Ezra", "Fay", "Felix", "Finn", "Flora", "Frida", "Gail", "Gino", "Greta", "Gus", "Hal", "Hanna",
    "Hector", "Hilda", "Hugo", "Ida", "Igor", "Inga", "Iris", "Ivan", "Jana", "Jasper", "Joan", "Jonas",
    "Judith", "Karim", "Kurt", "Lara", "Lena", "Leo", "Lilian", "Lotte", "Lukas", "Mabel", "Magda", "Marco",
    "Mila", "Mona", "Nadia", "Nils", "Nina", "Noah", "Odile", "Olga", "Oscar", "Otto", "Pablo", "Paula",
    "Petra", "Quinn", "Ralf", "Rhea", "Rosa", "Rufus", "Sasha", "Selma", "Simon", "Sven", "Tara", "Tessa",
    "Theo", "Tilda", "Udo", "Ulla", "Vera", "Viktor", "Wanda", "Willem", "Yara", "Zeno");

constexpr auto kCities = list(
    "Athens", "Basel", "Bergen", "Berlin", "Boston", "Bremen", "Cairo", "Cork", "Dakar", "Delhi", "Denver",
    "Dublin", "Essen", "Geneva", "Genoa", "Ghent", "Graz", "Hanoi", "Havana", "Kiev", "Krakow", "Kyoto",
    "Lagos", "Leeds", "Lima", "Lisbon", "London", "Lyon", "Madrid", "Malaga", "Manila", "Milan", "Minsk",
    "Mumbai", "Munich", "Nairobi", "Naples", "Oslo", "Ottawa", "Paris", "Porto", "Prague", "Quito", "Riga",
    "Rome", "Seoul", "Seville", "Sofia", "Split", "Sydney", "Tallinn", "Tokyo", "Toledo", "Trieste", "Tunis",
    "Turin", "Utrecht", "Venice", "Vienna", "Vilnius", "Warsaw", "York", "Zagreb", "Zurich");

constexpr auto kJobs = list(
    "baker", "barber", "brewer", "broker", "builder", "butcher", "chemist", "clerk", "cook", "dancer",
    "dentist", "diver", "doctor", "driver", "editor", "farmer", "florist", "gardener", "glazier", "guard",
    "hunter", "jeweller", "judge", "lawyer", "mason", "nurse", "painter", "pilot", "plumber", "poet",
    "potter", "printer", "sailor", "singer", "smith", "surgeon", "tailor", "teacher", "waiter", "weaver");

constexpr auto kAnimals =
    list("badger", "bear", "camel", "cat", "cow", "crane", "crow", "deer", "dog", "donkey", "duck", "eagle",
         "falcon", "ferret", "fox", "frog", "goat", "goose", "hare", "hen", "heron", "horse", "lizard",
         "llama", "mole", "monkey", "mouse", "otter", "owl", "parrot", "pig", "pony", "rabbit", "raven",
         "sheep", "snake", "swan", "toad", "turtle", "wolf");

constexpr auto kFoods =
    list("almonds", "apples", "beans", "beets", "bread", "butter", "cabbage", "carrots", "celery", "cheese",
         "cherries", "chili", "cream", "dates", "eggs", "figs", "garlic", "ginger", "grapes", "honey",
         "lemons", "lentils", "mangos", "melons", "noodles", "oats", "olives", "onions", "pasta", "peaches",
         "pears", "peas", "pepper", "plums", "rice", "salmon", "soup", "spinach", "tofu", "walnuts");

constexpr auto kColours =
    list("amber", "beige", "black", "blue", "bronze", "brown", "coral", "cream", "crimson", "cyan", "gold",
         "green", "grey", "indigo", "ivory", "lilac", "lime", "maroon", "mint", "navy", "ochre", "olive",
         "orange", "pink", "plum", "purple", "red", "ruby", "scarlet", "silver", "teal", "white");

constexpr auto kInstruments =
    list("accordion", "banjo", "bassoon", "bells", "bugle", "cello", "clarinet", "cymbal", "drum", "fiddle",
         "flute", "gong", "guitar", "harp", "horn", "lute", "lyre", "oboe", "organ", "piano", "sitar", "tuba",
         "viola", "zither");

constexpr auto kThings = list(
    "anchor", "arrow", "axe", "barrel", "basket", "bell", "blanket", "book", "boot", "bottle", "bowl", "box",
    "broom", "brush", "bucket", "button", "candle", "chain", "chair", "clock", "coat", "coin", "comb", "cup",
    "curtain", "dice", "feather", "fork", "glass", "glove", "hammer", "hat", "helmet", "hook", "jar",
    "kettle", "key", "kite", "knife", "ladder", "lamp", "lantern", "lock", "map", "mask", "mirror", "nail",
    "needle", "net", "oar", "pan", "paper", "pearl", "pen", "pillow", "pipe", "plate", "purse", "ring",
    "rope", "saddle", "scarf", "shell", "shovel", "sponge", "spoon", "stamp", "stone", "table", "tent",
    "ticket", "torch", "towel", "vase", "violin", "wallet", "wheel", "whistle", "window", "wire");

constexpr auto kAdjectives =
    list("old", "young", "tall", "quiet", "tired", "cheerful", "careful", "hungry", "clever", "gentle",
         "proud", "shy", "busy", "lonely", "patient", "lucky", "nervous", "honest", "famous", "polite",
         "restless", "sleepy", "stubborn", "thoughtful", "wise", "broken", "heavy", "little", "narrow",
         "round", "rusty", "shiny", "strange", "wooden");

constexpr auto kPeople =
    list("miller", "shepherd", "soldier", "merchant", "widow", "stranger", "student", "uncle", "neighbour",
         "captain", "girl", "boy", "woman", "man", "child", "traveller", "king", "servant", "fisherman",
         "monk", "visitor", "cousin", "guest", "thief");

constexpr auto kVerbs = list("waited", "slept", "laughed", "sang", "worked", "rested", "wept", "danced",
                             "stood", "sat", "walked", "ran", "listened", "whispered", "smiled", "shouted",
                             "hid", "stayed", "fell", "wandered", "argued", "dreamed", "coughed", "arrived");

constexpr auto kHandlings = list("carried", "dropped", "found", "lost", "bought", "sold", "repaired",
                                 "painted", "washed", "hid", "stole", "borrowed", "lifted", "opened",
                                 "wanted", "forgot", "measured", "polished", "packed", "admired");

constexpr auto kAdverbs = list("slowly", "quickly", "softly", "loudly", "gladly", "calmly", "often", "rarely",
                               "twice", "again", "alone", "together", "bravely", "badly", "well", "politely",
                               "secretly", "eagerly", "sadly", "kindly");

constexpr auto kPlaces =
    list(" by the river", " in the garden", " near the bridge", " at the market", " under the roof",
         " on the hill", " behind the church", " in the forest", " at the harbour", " on the road",
         " in the kitchen", " by the fire", " near the mill", " in the tower", " at the gate",
         " on the shore", " in the valley", " under the trees", " beside the well", " in the barn",
         " at the station", " on the stairs", " in the square", " by the wall");

constexpr auto kTimes =
    list(" before noon", " after dark", " in the morning", " at night", " every evening", " all day",
         " for an hour", " until sunset", " in winter", " since spring", " at dawn", " during the storm",
         " for a week", " on the first day", " after the harvest", " before the rain");

constexpr auto kOpenings = list("Later", "Then", "Meanwhile", "Once", "Today", "Soon", "Suddenly",
                                "Sometimes", "Outside", "Nearby", "Yesterday", "Finally");

}  // namespace

Words names() { return kNames; }
Words cities() { return kCities; }
Words jobs() { return kJobs; }
Words animals() { return kAnimals; }
Words foods() { return kFoods; }
Words colours() { return kColours; }
Words instruments() { return kInstruments; }
Words things() { return kThings; }
Words adjectives() { return kAdjectives; }
Words people() { return kPeople; }
Words verbs() { return kVerbs; }
Words handlings() { return kHandlings; }
Words adverbs() { return kAdverbs; }
Words places() { return kPlaces; }
Words times() { return kTimes; }
Words openings() { return kOpenings; }

}  // namespace kvcompare::demo
