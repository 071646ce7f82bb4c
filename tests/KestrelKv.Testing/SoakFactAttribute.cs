namespace KestrelKv.Testing;

/// <summary>A test that takes minutes. It runs if <see cref="SoakTime.Variable"/> is set to more than the default.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SoakFactAttribute : FactAttribute
{
    public SoakFactAttribute() => Skip = WhyNot();

    /// <summary>Returns why such tests do not run; null if they do.</summary>
    public static string? WhyNot() => SoakTime.Count(0, 1) == 0 ? $"takes minutes: runs if {SoakTime.Variable} is set" : null;
}
