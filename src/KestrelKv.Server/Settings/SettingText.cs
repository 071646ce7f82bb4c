using System.Globalization;

namespace KestrelKv.Server.Settings;

/// <summary>Parses setting values. The rules are stricter than those of .NET converters, which accept <c>0x10</c> or <c>A,B</c>.</summary>
internal static class SettingText
{
    /// <summary>
    /// Returns the value, or null if <paramref name="text"/> is invalid. Ignores surrounding white space, except in strings.
    /// </summary>
    public static object? Parse(string text, Type type)
    {
        if (type == typeof(string)) return text;

        text = text.Trim();
        if (type == typeof(bool)) return bool.TryParse(text, out bool flag) ? flag : null;
        if (type == typeof(int))
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;
        if (type == typeof(long))
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;
        if (type == typeof(TimeSpan)) return Duration.TryParse(text, out TimeSpan duration) ? duration : null;
        if (type.IsEnum)
            return Array.Find(Enum.GetNames(type), name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name
                ? Enum.Parse(type, name)
                : null;
        throw new NotSupportedException($"no setting can be of type {type}");
    }

    /// <summary>Describes the values of a type that <see cref="Parse"/> accepts.</summary>
    public static string Expected(Type type)
    {
        if (type == typeof(bool)) return "true or false";
        if (type == typeof(TimeSpan)) return Duration.Spellings;
        if (type.IsEnum) return $"{string.Join(", ", Enum.GetNames(type)[..^1])} or {Enum.GetNames(type)[^1]}";
        return type == typeof(int)
            ? string.Create(CultureInfo.InvariantCulture, $"an integer in decimal digits, at most {int.MaxValue}")
            : "an integer in decimal digits";
    }
}
