# copper at 600 K and 1 bar; metal.lmp is written by elastic.py
units           metal
boundary        p p p
atom_style      atomic
variable        model index model.safetensors
variable        steps index 2000
read_data       metal.lmp
pair_style      deepmd ${model}
pair_coeff      * * Cu
velocity        all create 600.0 1
timestep        0.002
fix             1 all npt temp 600.0 600.0 0.2 aniso 1.0 1.0 2.0
thermo_style    custom step time temp pe press vol lx
thermo          100
run             ${steps}
