using System.Globalization;

namespace KestrelKv.Server.Settings;

/// <summary>The spelling of each type of setting. Each has one: a converter of .NET accepts more, such as <c>0x10</c> or <c>A,B</c>.</summary>
internal static class SettingText
{
    /// <summary>Returns the value that <paramref name="text"/> spells, or null if it spells none. Whitespace around it is ignored.</summary>
    public static object? Parse(string text, Type type)
    {
        if (type == typeof(string)) return text;

        text = text.Trim();
        if (type == typeof(bool)) return bool.TryParse(text, out bool flag) ? flag : null;
        if (type == typeof(int)) return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;
        if (type == typeof(long)) return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;
        if (type == typeof(TimeSpan)) return Duration.TryParse(text, out TimeSpan duration) ? duration : null;
        if (type.IsEnum) return Array.Find(Enum.GetNames(type), name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name ? Enum.Parse(type, name) : null;
        throw new NotSupportedException($"no setting can be of type {type}");
    }

    /// <summary>Describes what <see cref="Parse"/> accepts for a type.</summary>
    public static string Expected(Type type)
    {
        if (type == typeof(bool)) return "true or false";
        if (type == typeof(TimeSpan)) return Duration.Spellings;
        if (type.IsEnum) return $"{string.Join(", ", Enum.GetNames(type)[..^1])} or {Enum.GetNames(type)[^1]}";
        return type == typeof(int)
            ? string.Create(CultureInfo.InvariantCulture, $"a whole number in digits alone, {int.MaxValue} at the most")
            : "a whole number in digits alone";
    }
}
