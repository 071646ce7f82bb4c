using System.Globalization;

namespace KestrelKv.Benchmarks;

/// <summary>The value of an option on the command line.</summary>
internal readonly record struct Argument(string Text, string Usage)
{
    /// <summary>A whole number of at least 1.</summary>
    public int Number => Parse(Text, min: 1);

    /// <summary>A whole number of at least 0.</summary>
    public int NumberOrZero => Parse(Text, min: 0);

    /// <summary>Whole numbers of at least 1, separated by commas.</summary>
    public int[] Numbers
    {
        get
        {
            Argument self = this;
            return [.. Text.Split(',').Select(number => self.Parse(number, min: 1))];
        }
    }

    /// <summary>A time in seconds, greater than 0.</summary>
    public double Seconds =>
        double.TryParse(Text, CultureInfo.InvariantCulture, out double seconds) && seconds > 0 ? seconds : throw Bad("a time in seconds");

    public bool Flag => bool.TryParse(Text, out bool flag) ? flag : throw Bad("true or false");

    /// <summary>Splits the command line into options and their values. The value of a switch is <c>true</c>.</summary>
    /// <exception cref="FormatException">The last option has no value.</exception>
    public static List<(string Name, Argument Value)> Pairs(
        ReadOnlySpan<string> args, string usage, params ReadOnlySpan<string> switches)
    {
        var pairs = new List<(string, Argument)>();
        while (!args.IsEmpty)
        {
            bool isSwitch = switches.Contains(args[0]);
            if (!isSwitch && args.Length < 2) throw new FormatException($"option {args[0]} requires a value\n{usage}");
            pairs.Add((args[0], new Argument(isSwitch ? "true" : args[1], usage)));
            args = args[(isSwitch ? 1 : 2)..];
        }
        return pairs;
    }

    /// <summary>Returns the choice with the name that the option has as its value.</summary>
    public T OneOf<T>(params (string Name, T Value)[] choices) => Find(Text, choices);

    /// <summary>Returns the choices whose names the option lists, separated by commas.</summary>
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
        int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number >= min
            ? number
            : throw Bad($"a whole number of at least {min}");

    private FormatException Bad(string kind) => new($"invalid value {Text}, expected {kind}\n{Usage}");
}
