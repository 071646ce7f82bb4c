using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace KestrelKv.Cli.Hosting;

/// <summary>Describes faults of arguments that the parser does not find, or describes in the terms of .NET.</summary>
internal static class ArgumentFault
{
    /// <summary>
    /// Returns the fault of an option that does not exist; null if there is none. The parser takes such an option as an argument. A command that
    /// passes its arguments to another program has no such fault.
    /// </summary>
    public static string? OfUnknownOption(ParseResult parsed)
    {
        if (!parsed.CommandResult.Command.TreatUnmatchedTokensAsErrors) return null;
        var values = new HashSet<Token>(ReferenceEqualityComparer.Instance);
        for (SymbolResult? each = parsed.CommandResult; each is CommandResult command; each = each.Parent)
            values.UnionWith(command.Children.OfType<OptionResult>().SelectMany(option => option.Tokens));
        Token? unknown = parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Type == TokenType.Argument && IsOption(token.Value) && !values.Contains(token));
        return unknown is null ? null
            : $"The option {unknown.Value.Split('=')[0]} does not exist. A key that begins with a dash follows --";
    }

    /// <summary>Returns the fault of a value that has not the type of its option or argument; null if the error is another one.</summary>
    public static string? OfValue(ParseError error)
    {
        SymbolResult? result = error.SymbolResult is ArgumentResult { Parent: OptionResult option } ? option : error.SymbolResult;
        (string name, Type type, string? choices) = result switch
        {
            OptionResult { Option: var each } => (each.Name, each.ValueType, each.HelpName),
            ArgumentResult { Argument: var each } => (each.Name, each.ValueType, null),
            _ => ("", typeof(string), null),
        };
        if (result?.Tokens is not [{ Value: var value }] || Expected(Nullable.GetUnderlyingType(type) ?? type, value, choices) is not { } expected)
            return null;
        return $"{name} is {value}, expected {expected}";
    }

    private static bool IsOption(string text) => text is ['-', _, ..] &&
        !((char.IsAsciiDigit(text[1]) || text[1] == '.') && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _));

    /// <summary>Returns what a type expects; null if the value has the type.</summary>
    private static string? Expected(Type type, string value, string? choices)
    {
        if (type == typeof(double)) return double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? null : "a number";
        if (type == typeof(long)) return long.TryParse(value, CultureInfo.InvariantCulture, out _) ? null : "an integer";
        if (type == typeof(int)) return int.TryParse(value, CultureInfo.InvariantCulture, out _) ? null : "an integer of at most 2147483647";
        if (type == typeof(bool)) return bool.TryParse(value, out _) ? null : "true or false";
        return type.IsEnum && choices is not null ? $"one of {choices.Replace("|", ", ", StringComparison.Ordinal)}" : null;
    }
}
