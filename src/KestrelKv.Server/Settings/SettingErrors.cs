namespace KestrelKv.Server.Settings;

/// <summary>Collects one error message per invalid setting, in order of detection.</summary>
internal sealed class SettingErrors
{
    private readonly OrderedDictionary<string, string> _messages = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds an error for an invalid value; the first error of a setting wins.</summary>
    /// <param name="name">The full name of the setting.</param>
    /// <param name="value">The invalid value.</param>
    /// <param name="expected">The description of valid values.</param>
    public void Add(string name, object? value, string expected) =>
        _messages.TryAdd(name, $"the setting {name} is {Show(value)}, expected {expected}");

    /// <summary>Adds an error for a value that must not be shown, because it may contain a secret.</summary>
    /// <param name="name">The full name of the setting.</param>
    /// <param name="reason">What is wrong, and what is expected.</param>
    public void AddInvalid(string name, string reason) => _messages.TryAdd(name, $"the setting {name} is invalid. {reason}");

    /// <summary>Adds an error for an unknown setting.</summary>
    /// <param name="name">The full name of the unknown setting.</param>
    /// <param name="known">The names that the section allows.</param>
    public void AddUnknown(string name, IEnumerable<string> known) =>
        _messages.TryAdd(name, known.Any()
            ? $"the setting {name} is unknown, expected one of {string.Join(", ", known)}"
            : $"the setting {name} is unknown");

    /// <exception cref="SettingsException">At least one error was added.</exception>
    public void ThrowIfAny()
    {
        if (_messages.Count > 0) throw new SettingsException(string.Join(Environment.NewLine, _messages.Values));
    }

    private static string Show(object? value) => value switch
    {
        null => "null",
        string text when string.IsNullOrWhiteSpace(text) => $"\"{text}\"",
        _ => $"{value}",
    };
}
