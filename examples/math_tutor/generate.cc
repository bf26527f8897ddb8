// Writes training data for the quickstart: short conversations in ShareGPT form in which a tutor solves linear
// equations and arithmetic, always in the same manner ("Step 1: … Answer: x = 5"). The same seed gives the same file on
// every machine.
//
//   math_tutor_data --rows 600 --seed 3407 --out math_tutor.jsonl
//   math_tutor_data --rows 600 --seed 3407 --exam 40 --out math_tutor_exam.jsonl
//
// The second writes 40 equations, one a row with its solution, that are in none of the conversations of the first.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Flags {
  std::int64_t rows = 600;
  std::int64_t seed = 3407;
  std::int64_t exam = 0;  // equations for an exam instead
  std::string out;
};

// Uniform numbers, the same with every standard library (std::uniform_int_distribution is not).
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // In [low, high]. The modulo's bias is far below anything seen here.
  int In(int low, int high) {
    const auto range = static_cast<std::uint64_t>(high - low + 1);
    return low + static_cast<int>((engine_() >> 16) % range);
  }
  // As In, but never 0.
  int NonZero(int low, int high) {
    int value = 0;
    while (value == 0) value = In(low, high);
    return value;
  }
  std::string_view Pick(const std::vector<std::string_view>& words) {
    return words[static_cast<std::size_t>(In(0, static_cast<int>(words.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

std::string Text(int number) {
  return std::to_string(number);
}

// " + 3", " - 3"
std::string Plus(int number) {
  return number < 0 ? " - " + Text(-number) : " + " + Text(number);
}

// "x", "-x", "3x"
std::string Times(int factor) {
  return factor == 1 ? "x" : factor == -1 ? "-x" : Text(factor) + "x";
}

// A number as a factor: "5", "(-5)"
std::string Factor(int number) {
  return number < 0 ? "(" + Text(number) + ")" : Text(number);
}

// The form with `text` in the place of its @.
std::string Fill(std::string_view form, const std::string& text) {
  const std::size_t at = form.find('@');
  return std::string(form.substr(0, at)) + text + std::string(form.substr(at + 1));
}

struct Turn {
  std::string question;
  std::string answer;
};

// A problem, its worked solution and what a check of it says.
struct Problem {
  std::string statement;  // "2x + 15 = 25"
  std::string solution;   // "Step 1: … Answer: x = 5"
  std::string check;      // "2 * 5 + 15 = 25"
};

// The move that takes `number` away from both sides.
std::string Undo(int number) {
  return number < 0 ? "add " + Text(-number) + " to both sides" : "subtract " + Text(number) + " from both sides";
}

// a x + b = c
Problem TwoSteps(Random& random) {
  const int a = random.In(2, 5);
  const int x = random.In(1, 9);
  const int b = random.NonZero(-9, 9);
  Problem problem;
  problem.statement = Times(a) + Plus(b) + " = " + Text(a * x + b);
  problem.solution = "Step 1: " + Undo(b) + ", so " + Times(a) + " = " + Text(a * x) + ". Step 2: divide by " +
                     Text(a) + ". Answer: x = " + Text(x);
  problem.check = Text(a) + " * " + Factor(x) + Plus(b) + " = " + Text(a * x + b);
  return problem;
}

// a (x + b) = c
Problem Bracket(Random& random) {
  const int a = random.In(2, 5);
  const int x = random.In(1, 9);
  const int b = random.NonZero(-9, 9);
  Problem problem;
  problem.statement = Text(a) + "(x" + Plus(b) + ") = " + Text(a * (x + b));
  problem.solution = "Step 1: divide by " + Text(a) + ", so x" + Plus(b) + " = " + Text(x + b) +
                     ". Step 2: " + Undo(b) + ". Answer: x = " + Text(x);
  problem.check = Text(a) + " * (" + Text(x) + Plus(b) + ") = " + Text(a * (x + b));
  return problem;
}

// a x + b = c x + d with a > c
Problem BothSides(Random& random) {
  const int c = random.In(2, 3);
  const int a = c + random.In(2, 3);
  const int x = random.In(1, 9);
  const int b = random.NonZero(-9, 9);
  const int d = (a - c) * x + b;
  Problem problem;
  problem.statement = Times(a) + Plus(b) + " = " + Times(c) + (d == 0 ? "" : Plus(d));
  problem.solution = "Step 1: subtract " + Times(c) + " from both sides, so " + Times(a - c) + Plus(b) + " = " +
                     Text(d) + ". Step 2: " + Undo(b) + ", so " + Times(a - c) + " = " + Text((a - c) * x) +
                     ". Step 3: divide by " + Text(a - c) + ". Answer: x = " + Text(x);
  problem.check = Text(a) + " * " + Factor(x) + Plus(b) + " = " + Text(c) + " * " + Factor(x) + (d == 0 ? "" : Plus(d));
  return problem;
}

// x / a + b = c
Problem Quotient(Random& random) {
  const int a = random.In(2, 5);
  const int quotient = random.In(1, 9);
  const int b = random.NonZero(-9, 9);
  Problem problem;
  problem.statement = "x / " + Text(a) + Plus(b) + " = " + Text(quotient + b);
  problem.solution = "Step 1: " + Undo(b) + ", so x / " + Text(a) + " = " + Text(quotient) + ". Step 2: multiply by " +
                     Text(a) + ". Answer: x = " + Text(a * quotient);
  problem.check = Text(a * quotient) + " / " + Text(a) + Plus(b) + " = " + Text(quotient + b);
  return problem;
}

Problem Equation(Random& random) {
  switch (random.In(0, 3)) {
    case 0:
      return Bracket(random);
    case 1:
      return BothSides(random);
    case 2:
      return Quotient(random);
    default:
      return TwoSteps(random);
  }
}

// a + b * c, with the product first
Turn Arithmetic(Random& random) {
  const int a = random.In(3, 60);
  const int b = random.In(2, 12);
  const int c = random.In(2, 12);
  const bool minus = random.In(0, 1) == 1;
  const int value = minus ? a - b * c : a + b * c;
  const std::string expression = Text(a) + (minus ? " - " : " + ") + Text(b) + " * " + Text(c);
  Turn turn;
  const std::string_view form = random.Pick({"What is @?", "Work out @.", "Calculate @.", "How much is @?"});
  turn.question = Fill(form, expression);
  turn.answer = "Step 1: the product first, " + Text(b) + " * " + Text(c) + " = " + Text(b * c) +
                ". Step 2: " + Text(a) + (minus ? " - " : " + ") + Text(b * c) + " = " + Text(value) +
                ". Answer: " + Text(value);
  return turn;
}

// Things bought, and what is left of the money.
Turn Purchase(Random& random) {
  const int price = random.In(2, 12);
  const int count = random.In(2, 9);
  const int change = random.In(1, 30);
  const int money = price * count + change;
  const std::string thing(random.Pick({"notebooks", "tickets", "sandwiches", "pencils", "plants", "books"}));
  const std::string name(random.Pick({"Ada", "Ben", "Chen", "Dora", "Emil", "Fatima"}));
  Turn turn;
  turn.question = name + " has " + Text(money) + " dollars and buys " + Text(count) + " " + thing + " at " +
                  Text(price) + " dollars each. How much is left?";
  turn.answer = "Step 1: the price is " + Text(count) + " * " + Text(price) + " = " + Text(price * count) +
                ". Step 2: " + Text(money) + " - " + Text(price * count) + " = " + Text(change) +
                ". Answer: " + Text(change);
  return turn;
}

Turn Ask(const Problem& problem, Random& random) {
  const std::string_view form =
      random.Pick({"Solve @.", "Solve for x: @", "Find x if @.", "What is x when @?", "Please solve @ for me.",
                   "Help me with @.", "I need x from @.", "Which x makes @ true?"});
  return {.question = Fill(form, problem.statement), .answer = problem.solution};
}

Turn AskForCheck(const Problem& problem, Random& random) {
  return {.question = std::string(random.Pick({"Can you check that?", "How do I know it is right?",
                                               "Show me the check.", "Is that correct?", "Put it back in, please."})),
          .answer = "Check: " + problem.check + ". It fits."};
}

Turn AskNext(Turn turn, Random& random) {
  turn.question =
      std::string(random.Pick({"Next one. ", "Now this: ", "Thanks! ", "Another: ", "Good. "})) + turn.question;
  return turn;
}

// Two or three turns.
std::vector<Turn> Conversation(Random& random) {
  std::vector<Turn> turns;
  const int kind = random.In(0, 9);
  if (kind < 2) {
    turns.push_back(kind == 0 ? Arithmetic(random) : Purchase(random));
    turns.push_back(AskNext(Arithmetic(random), random));
    return turns;
  }
  const Problem problem = Equation(random);
  turns.push_back(Ask(problem, random));
  if (kind < 8) turns.push_back(AskForCheck(problem, random));
  if (kind >= 6)
    turns.push_back(AskNext(random.In(0, 1) == 0 ? Arithmetic(random) : Ask(TwoSteps(random), random), random));
  return turns;
}

// The texts above need no escapes.
std::string Row(const std::vector<Turn>& turns) {
  std::string row = R"({"conversations": [)";
  std::string_view separator;
  for (const Turn& turn : turns) {
    row.append(separator).append(R"({"from": "human", "value": ")").append(turn.question);
    row.append(R"("}, {"from": "gpt", "value": ")").append(turn.answer).append(R"("})");
    separator = ", ";
  }
  return row + "]}\n";
}

// Equations that no question of the conversations contains, and none twice.
std::vector<Turn> Exam(const std::vector<std::vector<Turn>>& conversations, std::int64_t count, std::int64_t seed) {
  std::string asked;
  for (const std::vector<Turn>& turns : conversations) {
    for (const Turn& turn : turns) asked.append(turn.question).append("\n");
  }
  Random random(static_cast<std::uint64_t>(seed) + 1);
  std::vector<Turn> exam;
  // Many conversations may have every equation there is.
  for (int tries = 0; tries < 100'000 && static_cast<std::int64_t>(exam.size()) < count; ++tries) {
    const Problem problem = Equation(random);
    if (asked.find(problem.statement) != std::string::npos) continue;
    exam.push_back(Ask(problem, random));
    asked.append(problem.statement).append("\n");
  }
  return exam;
}

bool ReadNumber(const char* text, std::int64_t low, std::int64_t high, std::int64_t* number) {
  char* end = nullptr;
  errno = 0;
  *number = std::strtoll(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= low && *number <= high;
}

bool ReadFlags(int argc, char** argv, Flags* flags) {
  if (argc % 2 == 0) return false;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--out") {
      flags->out = argv[i + 1];
    } else if (flag == "--rows") {
      if (!ReadNumber(argv[i + 1], 1, 10'000'000, &flags->rows)) return false;
    } else if (flag == "--exam") {
      if (!ReadNumber(argv[i + 1], 1, 1000, &flags->exam)) return false;
    } else if (flag == "--seed") {
      if (!ReadNumber(argv[i + 1], 0, INT64_MAX, &flags->seed)) return false;
    } else {
      return false;
    }
  }
  return !flags->out.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  if (!ReadFlags(argc, argv, &flags)) {
    std::cerr << "usage: math_tutor_data --out FILE [--rows N] [--seed N] [--exam N]\n"
                 "  writes N (600) conversations in ShareGPT form; the same seed (3407) gives the same file.\n"
                 "  --exam N: instead N (at most 1000) equations that are in none of those conversations\n";
    return 2;
  }
  std::ofstream out(flags.out, std::ios::binary | std::ios::trunc);
  Random random(static_cast<std::uint64_t>(flags.seed));
  std::vector<std::vector<Turn>> conversations;
  for (std::int64_t row = 0; row < flags.rows; ++row) conversations.push_back(Conversation(random));
  if (flags.exam > 0) {
    const std::vector<Turn> exam = Exam(conversations, flags.exam, flags.seed);
    if (static_cast<std::int64_t>(exam.size()) < flags.exam) {
      std::cerr << "so many conversations leave only " << exam.size() << " equations for an exam\n";
      return 1;
    }
    for (const Turn& turn : exam) out << Row({turn});
  } else {
    for (const std::vector<Turn>& turns : conversations) out << Row(turns);
  }
  out.close();
  if (!out) {
    std::cerr << "cannot write " << flags.out << '\n';
    return 1;
  }
  return 0;
}
