using System.Reflection;

namespace KestrelKv.Server.Settings;

/// <summary>Finds mistyped settings, which would otherwise be as good as not given.</summary>
internal static class UnknownSettings
{
    /// <summary>What to tell of each setting under <paramref name="section"/> that <paramref name="type"/> has no property for.</summary>
    public static IEnumerable<string> Find(IConfiguration section, Type type)
    {
        PropertyInfo[] known = [.. type.GetProperties().Where(property => property.SetMethod is { IsPublic: true })];
        foreach (IConfigurationSection child in section.GetChildren())
        {
            PropertyInfo? property = Array.Find(known, p => p.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                yield return known.Length > 0
                    ? $"the setting {child.Path} is unknown, expected one of {string.Join(", ", known.Select(p => p.Name))}"
                    : $"the setting {child.Path} is unknown";
                continue;
            }
            foreach (string unknown in Find(child, property.PropertyType)) yield return unknown;
        }
    }
}
