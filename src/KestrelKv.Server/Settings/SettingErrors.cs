namespace KestrelKv.Server.Settings;

/// <summary>What is wrong with the settings: one message for each, in the order in which they were found.</summary>
internal sealed class SettingErrors
{
    private readonly OrderedDictionary<string, string> _messages = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="name">The setting, with its section.</param>
    /// <param name="value">Its value.</param>
    /// <param name="expected">What the value can be.</param>
    public void Add(string name, object? value, string expected) =>
        _messages.TryAdd(name, $"the setting {name} is {Show(value)}, expected {expected}");

    /// <param name="name">A name that no setting has.</param>
    /// <param name="known">The names in its place.</param>
    public void AddUnknown(string name, IEnumerable<string> known) =>
        _messages.TryAdd(name, known.Any()
            ? $"the setting {name} is unknown, expected one of {string.Join(", ", known)}"
            : $"the setting {name} is unknown");

    /// <exception cref="SettingsException">There is an error.</exception>
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
