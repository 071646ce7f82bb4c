using System.Globalization;

namespace KestrelKv.Benchmarks;

/// <summary>The value of an option on the command line.</summary>
internal readonly record struct Argument(string Text, string Usage)
{
    /// <summary>A whole number above 0.</summary>
    public int Number => Parse(Text, min: 1);

    /// <summary>A whole number, 0 included.</summary>
    public int NumberOrZero => Parse(Text, min: 0);

    /// <summary>Whole numbers above 0, with commas between them.</summary>
    public int[] Numbers
    {
        get
        {
            Argument self = this;
            return [.. Text.Split(',').Select(number => self.Parse(number, min: 1))];
        }
    }

    /// <summary>A time above 0.</summary>
    public double Seconds => double.TryParse(Text, CultureInfo.InvariantCulture, out double seconds) && seconds > 0 ? seconds : throw Bad("a time in seconds");

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public bool Flag => bool.TryParse(Text, out bool flag) ? flag : throw Bad("true or false");

    /// <summary>Takes options from the command line, each with its value behind it.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="usage">What to print of it in an error.</param>
    /// <param name="switches">Options without a value. Theirs is <c>true</c>.</param>
    /// <exception cref="FormatException">The last one lacks its value.</exception>
    public static List<(string Name, Argument Value)> Pairs(
        ReadOnlySpan<string> args, string usage, params ReadOnlySpan<string> switches)
    {
        var pairs = new List<(string, Argument)>();
        while (!args.IsEmpty)
        {
            bool isSwitch = switches.Contains(args[0]);
            if (!isSwitch && args.Length < 2) throw new FormatException($"{args[0]} lacks its value\n{usage}");
            pairs.Add((args[0], new Argument(isSwitch ? "true" : args[1], usage)));
            args = args[(isSwitch ? 1 : 2)..];
        }
        return pairs;
    }

    /// <summary>What one of some names stands for.</summary>
    public T OneOf<T>(params (string Name, T Value)[] choices) => Find(Text, choices);

    /// <summary>What some of some names stand for, with commas between them.</summary>
    public T[] ListOf<T>(params (string Name, T Value)[] choices)
    {
        Argument self = this;
        return [.. Text.Split(',').Select(name => self.Find(name, choices))];
    }

    public FormatException Unknown(string name) => new($"unknown option {name}\n{Usage}");

    private T Find<T>(string text, (string Name, T Value)[] choices)
    {
        int index = Array.FindIndex(choices, choice => choice.Name == text);
        return index >= 0 ? choices[index].Value : throw Bad($"one of {string.Join(", ", choices.Select(choice => choice.Name))}");
    }

    private int Parse(string text, int min) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number >= min ? number : throw Bad($"a number from {min} on");

    private FormatException Bad(string kind) => new($"{Text} is not {kind}\n{Usage}");
}
