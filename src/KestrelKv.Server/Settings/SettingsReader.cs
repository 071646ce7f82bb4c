using System.Reflection;

namespace KestrelKv.Server.Settings;

/// <summary>
/// Reads a configuration section into the properties of the same names. Rejects unknown names and invalid values, which the
/// .NET configuration binder would ignore or convert.
/// </summary>
internal sealed class SettingsReader(SettingErrors errors)
{
    public void Read(IConfigurationSection section, object settings)
    {
        PropertyInfo[] known = [.. settings.GetType().GetProperties().Where(property => property.SetMethod is { IsPublic: true })];
        foreach (IConfigurationSection child in section.GetChildren())
        {
            if (Array.Find(known, p => p.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is not { } property)
                errors.AddUnknown(child.Path, known.Select(p => p.Name));
            else if (IsSection(property.PropertyType)) ReadSection(child, property.GetValue(settings)!);
            else ReadValue(child, property, settings);
        }
    }

    private void ReadSection(IConfigurationSection section, object settings)
    {
        // The configuration represents a JSON {} as null.
        if (section.Value is not null) errors.Add(section.Path, section.Value, $"a section: {section.Path}:NAME=VALUE");
        else Read(section, settings);
    }

    private void ReadValue(IConfigurationSection setting, PropertyInfo property, object settings)
    {
        foreach (IConfigurationSection child in setting.GetChildren()) errors.AddUnknown(child.Path, []);
        object? value = setting.Value is null ? null : SettingText.Parse(setting.Value, property.PropertyType);
        if (value is not null) property.SetValue(settings, value);
        else if (!setting.GetChildren().Any()) errors.Add(setting.Path, setting.Value, SettingText.Expected(property.PropertyType));
    }

    private static bool IsSection(Type type) => type.IsClass && type != typeof(string);
}
